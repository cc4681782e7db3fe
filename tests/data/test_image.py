import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from deeplab_tf.data.image import apply_orientation, decode_image, read_image, read_upright
from deeplab_tf.data.spec import DataError
from tests.data.fakes import png_bytes, smooth_image

in_graph = tf.function(decode_image, input_signature=[tf.TensorSpec([], tf.string)])


def encoded(picture, kind, **options):
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def picture(mode="RGB", size=(61, 47)):
    image = Image.fromarray(smooth_image(size[1], size[0]))
    if mode.endswith("A"):
        image.putalpha(Image.fromarray(smooth_image(size[1], size[0], seed=1)[..., 0]))
    return image.convert(mode)


CASES = {
    "jpeg 4:4:4": lambda: encoded(picture(), "JPEG", subsampling=0, quality=92),
    "jpeg 4:2:2": lambda: encoded(picture(), "JPEG", subsampling=1),
    "jpeg 4:2:0": lambda: encoded(picture(), "JPEG", subsampling=2, quality=80),
    "jpeg 4:2:0 even": lambda: encoded(picture(size=(64, 48)), "JPEG", subsampling=2),
    "jpeg progressive": lambda: encoded(picture(), "JPEG", progressive=True),
    "jpeg one pixel": lambda: encoded(picture(size=(1, 1)), "JPEG"),
    "jpeg grey": lambda: encoded(picture("L"), "JPEG"),
    "jpeg cmyk": lambda: encoded(picture("CMYK"), "JPEG", quality=95),
    "png rgb": lambda: encoded(picture(), "PNG"),
    "png rgba": lambda: encoded(picture("RGBA"), "PNG"),
    "png grey": lambda: encoded(picture("L"), "PNG"),
    "png grey alpha": lambda: encoded(picture("LA"), "PNG"),
    "png 1 bit": lambda: encoded(picture("1"), "PNG"),
    "png palette": lambda: encoded(picture().quantize(200), "PNG"),
    "png palette 4 bit": lambda: encoded(picture().quantize(16), "PNG", bits=4),
    "png palette transparent": lambda: encoded(picture().quantize(200), "PNG", transparency=3),
}


@pytest.mark.parametrize("case", CASES)
def test_pixels_are_those_of_pillow(case):
    contents = CASES[case]()
    expected = np.array(Image.open(io.BytesIO(contents)).convert("RGB"))
    for decode in (decode_image, in_graph):
        image = decode(tf.constant(contents))
        assert image.dtype == tf.uint8
        np.testing.assert_array_equal(image, expected)


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


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF"])
def test_other_formats_are_refused(kind, tmp_path):
    contents = encoded(picture(), kind)
    with pytest.raises(tf.errors.InvalidArgumentError, match="image: neither a JPEG nor a PNG"):
        in_graph(tf.constant(contents))
    (tmp_path / "x.jpg").write_bytes(contents)
    with pytest.raises(DataError, match=r"x\.jpg: neither"):
        read_upright(tmp_path / "x.jpg")


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.95])
def test_cut_off_files_are_refused(kind, share, tmp_path):
    contents = encoded(picture(), kind)
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
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded(picture(), kind, exif=exif))
    with Image.open(path) as stored:
        upright = np.array(ImageOps.exif_transpose(stored))
        np.testing.assert_array_equal(read_image(path), np.array(stored))
    np.testing.assert_array_equal(read_upright(path), upright)


@pytest.mark.parametrize("orientation", [0, 9, 4711])
def test_senseless_orientation_means_upright(orientation, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded(picture(), "JPEG", exif=exif))
    np.testing.assert_array_equal(read_upright(path), read_image(path))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_label_maps(orientation):
    label = np.arange(6).reshape(2, 3)
    turned = apply_orientation(label, orientation)
    assert turned.shape == ((2, 3) if orientation < 5 else (3, 2))
    np.testing.assert_array_equal(turned, apply_orientation(label[..., None], orientation)[..., 0])


def test_huge_pictures_are_refused_before_they_are_decoded(tmp_path, monkeypatch):
    path = tmp_path / "huge.png"
    path.write_bytes(encoded(picture(), "PNG"))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(DataError, match=r"huge\.png: too large"):
        read_upright(path)
