import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from deeplab_tf.data.image import (
    apply_orientation,
    decode_image,
    decode_window,
    image_size,
    read_image,
    read_upright,
)
from deeplab_tf.data.spec import DataError
from tests.data.fakes import png_bytes, smooth_image

in_graph = tf.function(decode_image, input_signature=[tf.TensorSpec([], tf.string)])


def encoded(source, kind, **options):
    stream = io.BytesIO()
    source.save(stream, kind, **options)
    return stream.getvalue()


def make_image(mode="RGB", size=(61, 47)):
    image = Image.fromarray(smooth_image(size[1], size[0]))
    if mode.endswith("A"):
        image.putalpha(Image.fromarray(smooth_image(size[1], size[0], seed=1)[..., 0]))
    return image.convert(mode)


CASES = {
    "jpeg 4:4:4": lambda: encoded(make_image(), "JPEG", subsampling=0, quality=92),
    "jpeg 4:2:2": lambda: encoded(make_image(), "JPEG", subsampling=1),
    "jpeg 4:2:0": lambda: encoded(make_image(), "JPEG", subsampling=2, quality=80),
    "jpeg 4:2:0 even": lambda: encoded(make_image(size=(64, 48)), "JPEG", subsampling=2),
    "jpeg progressive": lambda: encoded(make_image(), "JPEG", progressive=True),
    "jpeg one pixel": lambda: encoded(make_image(size=(1, 1)), "JPEG"),
    "jpeg grey": lambda: encoded(make_image("L"), "JPEG"),
    "jpeg cmyk": lambda: encoded(make_image("CMYK"), "JPEG", quality=95),
    "png rgb": lambda: encoded(make_image(), "PNG"),
    "png rgba": lambda: encoded(make_image("RGBA"), "PNG"),
    "png grey": lambda: encoded(make_image("L"), "PNG"),
    "png grey alpha": lambda: encoded(make_image("LA"), "PNG"),
    "png 1 bit": lambda: encoded(make_image("1"), "PNG"),
    "png palette": lambda: encoded(make_image().quantize(200), "PNG"),
    "png palette 4 bit": lambda: encoded(make_image().quantize(16), "PNG", bits=4),
    "png palette transparent": lambda: encoded(make_image().quantize(200), "PNG", transparency=3),
}


@pytest.mark.parametrize("case", CASES)
def test_pixels_are_those_of_pillow(case):
    contents = CASES[case]()
    expected = np.array(Image.open(io.BytesIO(contents)).convert("RGB"))
    for decode in (decode_image, in_graph):
        image = decode(tf.constant(contents))
        assert image.dtype == tf.uint8
        np.testing.assert_array_equal(image, expected)


# === Windows ===


def resampled(contents, old, new):
    """Says in a JPEG's header that its colours are coarser in another direction.

    Where both ways have as many blocks the file stays whole, only the image is jumbled. Pillow
    itself writes neither 4:4:0 nor 4:1:1.
    """
    at = contents.index(b"\xff\xc0") + 11
    assert contents[at] == old
    return contents[:at] + bytes([new]) + contents[at + 1 :]


WINDOW_CASES = {
    **CASES,
    "jpeg 4:4:0": lambda: resampled(
        encoded(make_image(size=(64, 64)), "JPEG", subsampling=1), 33, 18
    ),
    "jpeg 4:1:1": lambda: resampled(
        encoded(make_image(size=(64, 64)), "JPEG", subsampling=2), 34, 65
    ),
    "jpeg 4:2:0 progressive": lambda: encoded(
        make_image(), "JPEG", subsampling=2, progressive=True, quality=95
    ),
    "jpeg 4:2:0 restarts": lambda: encoded(
        make_image(), "JPEG", subsampling=2, restart_marker_blocks=1
    ),
}
window_in_graph = tf.function(decode_window, reduce_retracing=True)


def random_windows(height, width, count=60):
    rng = np.random.default_rng(height)
    yield 0, 0, height, width
    for _ in range(count):
        top, left = rng.integers(height), rng.integers(width)
        yield top, left, rng.integers(1, height - top + 1), rng.integers(1, width - left + 1)


@pytest.mark.slow
@pytest.mark.parametrize("case", WINDOW_CASES)
def test_a_decoded_window_is_a_part_of_the_decoded_image(case):
    contents = tf.constant(WINDOW_CASES[case]())
    whole = decode_image(contents).numpy()
    np.testing.assert_array_equal(image_size(contents), whole.shape[:2])
    for top, left, height, width in random_windows(*whole.shape[:2]):
        window = window_in_graph(contents, tf.constant([top, left, height, width], tf.int32))
        assert window.dtype == tf.uint8
        np.testing.assert_array_equal(
            window, whole[top : top + height, left : left + width], err_msg=f"{top} {left}"
        )


@pytest.mark.parametrize("case", ["jpeg 4:2:2", "jpeg 4:2:0"])
def test_the_window_has_to_be_wider_than_what_is_asked_for(case):
    contents = tf.constant(CASES[case]())
    whole = decode_image(contents).numpy()
    differ = 0
    for top, left, height, width in random_windows(*whole.shape[:2]):
        window = tf.image.decode_and_crop_jpeg(
            contents, [top, left, height, width], channels=3, dct_method="INTEGER_ACCURATE"
        )
        differ += np.any(window != whole[top : top + height, left : left + width])
    assert differ > 5


def test_windows_of_other_files_are_refused():
    for contents in (b"", b"GIF89a" + bytes(50), b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"):
        with pytest.raises(tf.errors.InvalidArgumentError):
            decode_window(tf.constant(contents), tf.constant([0, 0, 1, 1]))
        if not contents.startswith((b"\xff", b"\x89")):
            with pytest.raises(tf.errors.InvalidArgumentError, match="x: neither"):
                image_size(tf.constant(contents), "x")


# === Other kinds ===


def test_cmyk_with_mixed_black_is_within_rounding():
    values = np.random.default_rng(0).integers(0, 256, (4, 6, 4)).astype(np.uint8)
    image = Image.fromarray(values.repeat(16, 0).repeat(16, 1), "CMYK")
    contents = encoded(image, "JPEG", quality=95)
    expected = np.array(Image.open(io.BytesIO(contents)).convert("RGB")).astype(int)
    assert np.abs(decode_image(tf.constant(contents)).numpy() - expected).max() <= 1


@pytest.mark.parametrize(("color_type", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_sixteen_bits_keep_the_upper_eight(color_type, channels):
    levels = np.random.default_rng(2).integers(0, 65536, (7, 9, channels))
    colors = levels[..., :3] if channels >= 3 else levels[..., :1].repeat(3, -1)
    image = in_graph(tf.constant(png_bytes(levels, 16, color_type)))
    np.testing.assert_array_equal(image, colors >> 8)


@pytest.mark.parametrize(("color_type", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_twelve_used_bits_are_not_black(color_type, channels):
    """The PNG of a camera of 12 bits: its brightest level is 4095 of 65535."""
    levels = np.random.default_rng(2).integers(0, 4096, (7, 9, channels))
    colors = levels[..., :3] if channels >= 3 else levels[..., :1].repeat(3, -1)
    contents = tf.constant(png_bytes(levels, 16, color_type))
    np.testing.assert_array_equal(in_graph(contents), colors >> 4)
    window = decode_window(contents, tf.constant([1, 2, 4, 5]))
    np.testing.assert_array_equal(window, colors[1:5, 2:7] >> 4)


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF"])
def test_graphs_refuse_other_formats(kind):
    with pytest.raises(tf.errors.InvalidArgumentError, match="image: neither a JPEG nor a PNG"):
        in_graph(tf.constant(encoded(make_image(), kind)))


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.95])
def test_cut_off_files_are_refused(kind, share, tmp_path):
    contents = encoded(make_image(), kind)
    contents = contents[: int(share * len(contents))]
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_image(tf.constant(contents))
    (tmp_path / "cut.jpg").write_bytes(contents)
    with pytest.raises(DataError, match=r"cut\.jpg"):
        read_upright(tmp_path / "cut.jpg")


def test_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.jpg: cannot be read"):
        read_upright(tmp_path / "none.jpg")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_exif_orientation(kind, orientation, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "image.jpg"
    path.write_bytes(encoded(make_image(), kind, exif=exif))
    with Image.open(path) as stored:
        upright = np.array(ImageOps.exif_transpose(stored))
        np.testing.assert_array_equal(read_image(path), np.array(stored))
    np.testing.assert_array_equal(read_upright(path), upright)


@pytest.mark.parametrize("orientation", [0, 9, 4711])
def test_senseless_orientation_means_upright(orientation, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "image.jpg"
    path.write_bytes(encoded(make_image(), "JPEG", exif=exif))
    np.testing.assert_array_equal(read_upright(path), read_image(path))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_label_maps(orientation):
    label = np.arange(6).reshape(2, 3)
    turned = apply_orientation(label, orientation)
    assert turned.shape == ((2, 3) if orientation < 5 else (3, 2))
    np.testing.assert_array_equal(turned, apply_orientation(label[..., None], orientation)[..., 0])


def test_huge_images_are_refused_before_they_are_decoded(tmp_path, monkeypatch):
    path = tmp_path / "huge.png"
    path.write_bytes(encoded(make_image(), "PNG"))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(DataError, match=r"huge\.png: too large"):
        read_upright(path)
