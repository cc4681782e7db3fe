import io
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from deeplab_tf.data.png import decode_label, encode_label, read_label
from deeplab_tf.data.spec import DataError, voc_palette
from tests.data.fakes import png_bytes, random_label

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
in_graph = tf.function(decode_label, input_signature=[tf.TensorSpec([], tf.string)])


def palette_chunks(depth, extra=()):
    colors = np.random.default_rng(1).integers(0, 256, 3 * 2**depth).astype(np.uint8)
    return ((b"PLTE", colors.tobytes()), *extra)


def levels(depth, shape=(9, 13)):
    ids = np.random.default_rng(depth).integers(0, 2**depth, shape)
    ids[0, 0], ids[-1, -1] = 2**depth - 1, 0
    return ids


def check_everywhere(contents, expected, tmp_path):
    for labels in (decode_label(tf.constant(contents)), in_graph(tf.constant(contents))):
        assert labels.dtype == tf.int32
        np.testing.assert_array_equal(labels, expected)
    (tmp_path / "label.png").write_bytes(contents)
    np.testing.assert_array_equal(read_label(tmp_path / "label.png"), expected)


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
@pytest.mark.parametrize(
    "extra",
    [
        (),
        ((b"tRNS", b"\x00\xff"),),
        ((b"tRNS", b"\x00"), (b"bKGD", b"\x01")),
        ((b"tEXt", b"note\0IDAT"), (b"pHYs", bytes(9))),
    ],
    ids=["plain", "transparent", "background", "text"],
)
def test_palette_files_give_indices(depth, extra, tmp_path):
    contents = png_bytes(levels(depth), depth, PALETTE, palette_chunks(depth, extra))
    np.testing.assert_array_equal(Image.open(io.BytesIO(contents)), levels(depth))
    check_everywhere(contents, levels(depth), tmp_path)


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_grey_files_give_levels(depth, tmp_path):
    check_everywhere(png_bytes(levels(depth), depth, GREY), levels(depth), tmp_path)


def test_palette_entries_that_spell_a_chunk_do_not_confuse(tmp_path):
    contents = png_bytes(levels(2), 2, PALETTE, ((b"PLTE", b"IDATIDATIDAT"),))
    check_everywhere(contents, levels(2), tmp_path)


@pytest.mark.parametrize("mode", ["P", "L", "1"])
def test_files_that_pillow_wrote(mode, tmp_path):
    ids = random_label(37, 51, 21) if mode != "1" else random_label(37, 51, 2) % 2
    image = Image.fromarray(ids).convert("L")
    if mode == "P":
        image.putpalette(bytes(v for color in voc_palette(256) for v in color))
    elif mode == "1":
        image = Image.fromarray(ids.astype(bool))
    stream = io.BytesIO()
    image.save(stream, "PNG")
    check_everywhere(stream.getvalue(), ids, tmp_path)


def test_pillow_files_of_few_bits_and_many_pixel_chunks(tmp_path):
    ids = random_label(400, 300, 4, seed=3) % 4
    image = Image.fromarray(ids)
    image.putpalette(bytes(range(12)))
    stream = io.BytesIO()
    image.save(stream, "PNG", bits=2)
    assert stream.getvalue()[24] == 2
    check_everywhere(stream.getvalue(), ids, tmp_path)


@pytest.mark.parametrize(
    ("color_type", "channels", "kind"),
    [(RGB, 3, "RGB"), (GREY_ALPHA, 2, "alpha"), (RGBA, 4, "RGBA")],
)
def test_colours_are_refused(color_type, channels, kind, tmp_path):
    contents = png_bytes(levels(8, (5, 6, channels)), 8, color_type)
    for decode in (decode_label, in_graph):
        with pytest.raises(tf.errors.InvalidArgumentError, match="colours"):
            decode(tf.constant(contents))
    (tmp_path / "rgb.png").write_bytes(contents)
    with pytest.raises(DataError, match=rf"rgb\.png: .*colours \({kind}|rgb\.png.*{kind}"):
        read_label(tmp_path / "rgb.png")


def test_the_name_given_stands_in_the_error():
    contents = png_bytes(levels(8, (5, 6, 3)), 8, RGB)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"folder/x\.png: the label holds"):
        tf.function(lambda c: decode_label(c, "folder/x.png"))(tf.constant(contents))


@pytest.mark.parametrize("kept", [0, 3, 8, 20, 33, 60, -200, -13, -1])
def test_cut_off_files_are_refused(kept, tmp_path):
    contents = png_bytes(levels(8, (70, 90)), 8, PALETTE, palette_chunks(8))[:kept]
    for decode in (decode_label, in_graph):
        with pytest.raises(tf.errors.InvalidArgumentError):
            decode(tf.constant(contents))
    (tmp_path / "cut.png").write_bytes(contents)
    with pytest.raises(DataError, match=r"cut\.png"):
        read_label(tmp_path / "cut.png")


def test_damaged_header_and_pixels_are_refused():
    contents = png_bytes(levels(8, (70, 90)), 8, PALETTE, palette_chunks(8))
    for at in (18, len(contents) // 2 + 400):
        damaged = bytearray(contents)
        damaged[at] ^= 0x55
        with pytest.raises(tf.errors.InvalidArgumentError):
            decode_label(tf.constant(bytes(damaged)))


def test_other_files_are_refused(tmp_path):
    stream = io.BytesIO()
    Image.fromarray(random_label(9, 9, 3)).save(stream, "JPEG")
    (tmp_path / "label.png").write_bytes(stream.getvalue())
    with pytest.raises(tf.errors.InvalidArgumentError, match="not a PNG"):
        in_graph(tf.constant(stream.getvalue()))
    with pytest.raises(DataError, match=r"label\.png: not a PNG"):
        read_label(tmp_path / "label.png")
    with pytest.raises(DataError, match=r"none\.png: cannot be read"):
        read_label(tmp_path / "none.png")


def test_encoded_labels_come_back_with_their_palette():
    ids = random_label(31, 17, 21)
    palette = bytes(v for color in voc_palette(256) for v in color)
    contents = encode_label(ids, palette)
    assert contents[24:26] == bytes([8, PALETTE])
    image = Image.open(io.BytesIO(contents))
    assert image.mode == "P"
    np.testing.assert_array_equal(image, ids)
    np.testing.assert_array_equal(image.convert("RGB"), np.array(voc_palette(256))[ids])
    np.testing.assert_array_equal(decode_label(tf.constant(contents)), ids)


@pytest.mark.parametrize("labels", [np.zeros((2, 2), np.int32), np.zeros((2, 2, 1), np.uint8)])
def test_only_bytes_of_two_dimensions_are_encoded(labels):
    with pytest.raises(ValueError, match="uint8"):
        encode_label(labels, bytes(768))


@pytest.mark.slow
def test_no_warning_is_logged_for_palette_files(tmp_path):
    (tmp_path / "label.png").write_bytes(encode_label(random_label(9, 9, 3), bytes(768)))
    code = (
        "import sys; from deeplab_tf.data.png import read_label; "
        "print('begin', file=sys.stderr, flush=True); read_label(sys.argv[1])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "label.png")],
        env={"TF_CPP_MIN_LOG_LEVEL": "0", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "PNG warning" not in done.stderr.split("begin")[1]
