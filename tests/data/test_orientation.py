import io
import struct

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from deeplab_tf.data.orientation import (
    apply_orientation,
    belongs_upright,
    orientation_in_graph,
    orientation_of,
    stored_window,
    upright_in_graph,
)
from tests.data.fakes import smooth_image

TAG, SHORT = 0x0112, 3
in_graph = tf.function(orientation_in_graph, input_signature=[tf.TensorSpec([], tf.string)])


def exif(order, entries, thumbnail=()):
    """EXIF with entries (tag, value) of 16 bits in the image's directory and the thumbnail's."""
    first, second = (
        struct.pack(f"{order}H", len(part))
        + b"".join(struct.pack(f"{order}HHIHH", tag, SHORT, 1, value, 0) for tag, value in part)
        for part in (entries, thumbnail)
    )
    head = {"<": b"II\x2a\0", ">": b"MM\0\x2a"}[order] + struct.pack(f"{order}I", 8)
    following = 8 + len(first) + 4 if thumbnail else 0
    return b"Exif\0\0" + head + first + struct.pack(f"{order}I", following) + second + bytes(4)


def encoded(kind, size=(24, 31), **options):
    stream = io.BytesIO()
    Image.fromarray(smooth_image(*size)).save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_pillows(kind, order, orientation):
    entries = ((0x0100, 31), (0x0101, 24), (TAG, orientation), (0x0128, 2))
    contents = encoded(kind, exif=exif(order, entries))
    assert orientation_of(contents, "x") == orientation
    assert in_graph(tf.constant(contents)) == orientation
    stored = Image.open(io.BytesIO(contents))
    np.testing.assert_array_equal(
        apply_orientation(np.array(stored), orientation), np.array(ImageOps.exif_transpose(stored))
    )


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("entries", [(), ((TAG, 1),), ((0x0128, 2),), ((TAG, 0),), ((TAG, 9),)])
def test_neither_thumbnails_nor_senseless_values_turn(order, entries):
    contents = encoded("JPEG", exif=exif(order, entries, thumbnail=((0x0103, 6), (TAG, 6))))
    assert orientation_of(contents, "x") == 1
    assert in_graph(tf.constant(contents)) == 1


def test_exif_behind_the_pixels_and_xmp_are_found_outside_the_graph():
    plain, marked = encoded("PNG"), encoded("PNG", exif=exif(">", ((TAG, 6),)))
    at = marked.index(b"eXIf") - 4
    length = len(marked) - len(plain)
    behind = marked[:at] + marked[at + length : -12] + marked[at : at + length] + marked[-12:]
    assert orientation_of(behind, "x") == 6
    xmp = b'http://ns.adobe.com/xap/1.0/\0<x:xmpmeta tiff:Orientation="3"/>'
    jpeg = encoded("JPEG")
    segment = b"\xff\xe1" + struct.pack(">H", len(xmp) + 2) + xmp
    assert orientation_of(jpeg[:2] + segment + jpeg[2:], "x") == 3


def test_a_png_without_exif_is_not_decoded(monkeypatch):
    monkeypatch.setattr(Image, "open", lambda file: pytest.fail("was opened"))
    assert orientation_of(encoded("PNG"), "x") == 1


def test_broken_files_are_upright():
    contents = encoded("JPEG", exif=exif("<", ((TAG, 1),)))
    for cut in (b"", contents[:30], contents[:50]):
        assert orientation_of(cut, "x") == 1
        assert in_graph(tf.constant(cut)) == 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_window_of_the_upright_image_is_one_of_the_stored_image(orientation):
    stored = smooth_image(24, 31)
    upright = apply_orientation(stored, orientation)
    turned = upright_in_graph(tf.constant(stored), tf.constant(orientation))
    np.testing.assert_array_equal(turned, upright)
    for top, left, height, width in ((0, 0, 5, 9), (3, 7, 20, 17), (23, 23, 1, 1)):
        place = stored_window(
            tf.constant([top, left, height, width]), tf.constant(upright.shape[:2]),
            tf.constant(orientation),
        ).numpy()  # fmt: skip
        part = stored[place[0] : place[0] + place[2], place[1] : place[1] + place[3]]
        np.testing.assert_array_equal(
            upright_in_graph(tf.constant(part), tf.constant(orientation)),
            upright[top : top + height, left : left + width],
        )


def test_a_label_belongs_to_the_upright_image_only_where_its_size_says_so():
    assert belongs_upright(1, (3, 4), None) and belongs_upright(1, (3, 4), (9, 9))
    for orientation in range(2, 9):
        assert belongs_upright(orientation, (3, 4), (4, 3)) == (orientation >= 5)
        assert not belongs_upright(orientation, (3, 4), (3, 4))
        assert not belongs_upright(orientation, (3, 3), (3, 3))
        assert not belongs_upright(orientation, (3, 4), None)
