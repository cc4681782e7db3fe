import numpy as np
import pytest
from PIL import Image

from deeplab_tf.data.spec import DataError
from deeplab_tf.demo import uploaded_image
from deeplab_tf.demo.uploaded_image import read_image
from tests.data.fakes import png_bytes


def test_an_image_is_upright(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, [6, 9, 3], np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "turned.png"), np.rot90(pixels, -1))


@pytest.mark.parametrize("kind", ["TIFF", "BMP", "WEBP"])
def test_other_formats_are_taken_within_the_same_bounds(tmp_path, kind, monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 256, [6, 9, 3], np.uint8)
    options = {"lossless": True} if kind == "WEBP" else {}
    Image.fromarray(pixels).save(tmp_path / "x", kind, **options)
    np.testing.assert_array_equal(read_image(tmp_path / "x"), pixels)
    monkeypatch.setattr(uploaded_image, "WHOLE_PIXELS", 50)
    with pytest.raises(DataError, match=r"^x: 9 x 6 pixels are too many"):
        read_image(tmp_path / "x")


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (b"", "no image of a known format"),
        (b"text", "no image of a known format"),
        (b"GIF89a", "(no image|broken)"),
        (b"\x89PNG\r\n\x1a\n", "broken"),
        (b"\xff\xd8\xff" + bytes(40), "broken"),
    ],
)
def test_no_image_is_a_message_with_its_name(tmp_path, contents, message):
    (tmp_path / "odd.jpg").write_bytes(contents)
    with pytest.raises(DataError, match=rf"^odd\.jpg: {message}"):
        read_image(tmp_path / "odd.jpg")


def test_a_huge_image_is_refused_by_its_header(tmp_path):
    header = png_bytes(np.zeros([1, 1]), 8, 0)
    size = (30_000).to_bytes(4, "big")
    (tmp_path / "huge.png").write_bytes(header[:16] + size + size + header[24:])
    with pytest.raises(DataError, match=r"^huge\.png: 30000 x 30000 pixels are too many; .* 2\.1"):
        read_image(tmp_path / "huge.png")


def test_a_huge_file_is_not_even_read(tmp_path, monkeypatch):
    monkeypatch.setattr(uploaded_image, "MAX_BYTES", 2**20)
    (tmp_path / "huge.jpg").write_bytes(bytes(2**21))
    with pytest.raises(DataError, match=r"^huge\.jpg: 2 MB are too much; .* 1 MB\."):
        read_image(tmp_path / "huge.jpg")
