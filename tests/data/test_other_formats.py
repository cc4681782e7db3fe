"""Files that are neither JPEG nor PNG, compared with Pillow's own pixels."""

import io
import sys

import numpy as np
import pytest
from PIL import Image, ImageOps

from deeplab_tf.data.image import read_upright
from deeplab_tf.data.other_formats import decode_other, other_size
from deeplab_tf.data.spec import DataError
from tests.data.fakes import smooth_image

IMAGE = Image.fromarray(smooth_image(21, 34))
HEIF_START = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"


def encoded(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("kind", "options"),
    [("BMP", {}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}), ("GIF", {}),
     ("WEBP", {"lossless": True}), ("WEBP", {"quality": 80})],
)  # fmt: skip
def test_pixels_are_those_of_pillow(kind, options):
    contents = encoded(IMAGE, kind, **options)
    expected = np.array(Image.open(io.BytesIO(contents)).convert("RGB"))
    np.testing.assert_array_equal(decode_other(contents, "x"), expected)
    assert other_size(contents, "x") == (21, 34)


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "RGBA", "LA"])
def test_every_mode_becomes_rgb_and_alpha_is_dropped(mode):
    image = IMAGE.convert(mode)
    if mode in ("RGBA", "LA"):
        image.putalpha(Image.fromarray(smooth_image(21, 34, seed=1)[..., 0]))
    expected = np.array(image.convert("RGB"))
    np.testing.assert_array_equal(decode_other(encoded(image, "TIFF"), "x"), expected)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_of_a_tiff_is_applied_once(orientation, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    contents = encoded(IMAGE, "TIFF", exif=exif)
    (tmp_path / "x.tif").write_bytes(contents)
    upright = encoded(IMAGE, "PNG", exif=exif)
    expected = np.array(ImageOps.exif_transpose(Image.open(io.BytesIO(upright))))
    np.testing.assert_array_equal(read_upright(tmp_path / "x.tif"), expected)


@pytest.mark.parametrize(("highest", "shift"), [(65535, 8), (4095, 4)])
def test_sixteen_bits_follow_the_rule_of_png(highest, shift):
    levels = np.random.default_rng(0).integers(0, highest + 1, (9, 11)).astype(np.uint16)
    levels[0, 0] = highest
    found = decode_other(encoded(Image.fromarray(levels), "TIFF"), "x")
    np.testing.assert_array_equal(found, np.repeat((levels >> shift)[..., None], 3, -1))


@pytest.mark.parametrize(
    ("image", "problem"),
    [(np.zeros([4, 5], np.float32), "floating-point values"),
     (np.full([4, 5], 70000, np.int32), "beyond 16 bits")],
)  # fmt: skip
def test_values_that_are_no_colours_are_refused(image, problem):
    with pytest.raises(DataError, match=f"x.tif: holds .*{problem}|x.tif: holds {problem}"):
        decode_other(encoded(Image.fromarray(image), "TIFF"), "x.tif")


@pytest.mark.parametrize("kind", ["BMP", "TIFF", "GIF", "WEBP"])
@pytest.mark.parametrize("share", [0.01, 0.5])
def test_what_is_cut_off_is_named(kind, share):
    contents = encoded(IMAGE, kind)
    with pytest.raises(DataError, match=r"^x: (no image|broken or cut off)"):
        decode_other(contents[: int(share * len(contents))], "x")


def test_no_image_is_named():
    with pytest.raises(DataError, match=r"x: no image of a known format \(JPEG, PNG, TIFF"):
        decode_other(b"not an image", "x")


def test_huge_images_are_refused_before_they_are_decoded(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(DataError, match="x: too large"):
        decode_other(encoded(IMAGE, "BMP"), "x")


def test_heic_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(DataError, match=r"x\.heic: a HEIC image.*'deeplab_tf\[heic\]'"):
        decode_other(HEIF_START + bytes(50), "x.heic")


def test_heic_is_read_upright():
    import pillow_heif

    pillow_heif.register_heif_opener()
    exif = Image.Exif()
    exif[0x0112] = 6
    contents = encoded(IMAGE, "HEIF", quality=95, exif=exif.tobytes())
    found = decode_other(contents, "x").astype(int)
    expected = np.array(IMAGE.transpose(Image.Transpose.ROTATE_270)).astype(int)
    assert found.shape == expected.shape
    assert np.abs(found - expected).mean() < 6
