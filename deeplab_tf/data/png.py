"""Reads and writes label maps as PNG: ids, never palette colours."""

from __future__ import annotations

import io
import os
import zlib

import numpy as np
import tensorflow as tf
from PIL import Image

from deeplab_tf.data.files import plain_reason
from deeplab_tf.data.own_files import png_mark
from deeplab_tf.data.palette import palette_problem
from deeplab_tf.data.paths import user_path
from deeplab_tf.data.spec import DataError, DatasetSpec

_START = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
_DEPTH_AT, _COLOR_TYPE_AT, _CRC_AT, _HEADER_END = 24, 25, 29, 33
_GREY, _PALETTE = 0, 3
_KINDS = {2: "RGB", 4: "grey with alpha", 6: "RGBA"}
# A CRC is affine: changing the same bits of two messages of one length changes both CRCs by
# the same bits, so the CRC of the rewritten header needs no table.
_CRC_CHANGE = np.frombuffer(
    (
        zlib.crc32(b"IHDR" + bytes(13)) ^ zlib.crc32(b"IHDR" + bytes(9) + b"\x03" + bytes(3))
    ).to_bytes(4, "big"),
    np.uint8,
)
# What a grey level of 1, 2 or 4 bits is multiplied with when it is spread over 0..255.
_SPREAD = {1: 255, 2: 85, 4: 17}


def decode_label(contents: tf.Tensor, name: tf.Tensor | str = "label") -> tf.Tensor:
    """Decodes the ids of a single-channel PNG inside a graph.

    Palette files (1, 2, 4 or 8 bits) give their indices, grey files (1 to 16 bits) their
    levels as stored. ``tf.io.decode_png`` would give colours for the one and stretched levels
    for the other; here the header says "grey" before the file is decoded.

    Args:
        contents: string scalar, the bytes of the file.
        name: what error messages call the file.

    Returns:
        int32 ``[height, width]``.

    Raises:
        tf.errors.InvalidArgumentError: when the file holds colours instead of ids, or is
            no PNG, or broken.
    """
    header = tf.io.decode_raw(
        tf.strings.substr(tf.strings.join([contents, "\0" * _HEADER_END]), 0, _HEADER_END), tf.uint8
    )
    color_type = tf.cast(header[_COLOR_TYPE_AT], tf.int32)
    is_png = tf.equal(tf.strings.substr(contents, 0, len(_START)), _START)
    single = tf.equal(color_type, _GREY) | tf.equal(color_type, _PALETTE)
    checks = [
        tf.debugging.Assert(is_png, [tf.strings.join([name, ": not a PNG file"])]),
        tf.debugging.Assert(~is_png | single, [tf.strings.join([name, ": ", _color_text()])]),
    ]
    with tf.control_dependencies(checks):
        grey = _as_grey(contents, header, tf.equal(color_type, _PALETTE))
    depth = tf.cast(header[_DEPTH_AT], tf.int32)
    labels = tf.cond(
        tf.equal(depth, 16),
        lambda: tf.cast(tf.io.decode_png(grey, channels=1, dtype=tf.uint16), tf.int32),
        lambda: tf.cast(tf.io.decode_png(grey, channels=1), tf.int32),
    )
    # Dividing takes as long as decoding, and almost every file has 8 bits.
    labels = tf.cond(depth < 8, lambda: labels // _spread(depth), lambda: labels)
    return tf.ensure_shape(labels, [None, None, 1])[:, :, 0]


def read_label(path: str | os.PathLike, spec: DatasetSpec | None = None) -> np.ndarray:
    """Reads the ids of a label file with the same rules as ``decode_label``.

    Args:
        path: the file.
        spec: the data set, where the ids are its own; a palette that names other classes than
            it is then an error, see ``palette_problem``.

    Returns:
        int32 ``[height, width]``.

    Raises:
        DataError: when the file cannot be read, holds colours or contradicts ``spec``; the
            message names it.
    """
    try:
        contents = user_path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from None
    return label_ids(contents, str(path), spec)


def label_ids(contents: bytes, name: str, spec: DatasetSpec | None = None) -> np.ndarray:
    """Decodes the bytes of a label PNG, as `read_label` does with a file.

    Args:
        contents: a PNG.
        name: what the message of an error calls it.
        spec: as for ``read_label``.
    """
    if not contents.startswith(_START) or len(contents) < _HEADER_END:
        raise DataError(f"{name}: not a PNG file; labels must be PNG.")
    if contents[_COLOR_TYPE_AT] in _KINDS:
        raise DataError(f"{name}: {_color_text(_KINDS[contents[_COLOR_TYPE_AT]])}.")
    try:
        with tf.device("CPU:0"):
            ids = decode_label(tf.constant(contents)).numpy()
    except tf.errors.InvalidArgumentError as error:
        raise DataError(f"{name}: broken or cut off ({plain_reason(error)}).") from None
    problem = spec and palette_problem(contents, ids, spec)
    if problem:
        raise DataError(f"{name}: {problem}.")
    return ids


def encode_label(
    labels: np.ndarray, palette: bytes | None = None, mark: str | None = None
) -> bytes:
    """Encodes ids as a PNG of 8 bits and one channel.

    Args:
        labels: uint8 ``[height, width]``.
        palette: 768 bytes, see ``palette_bytes``; only viewers use it. Without one the file is
            grey, so that every decoder gives the ids.
        mark: what the header names as the software, see ``own_files``; None for nothing.

    Returns:
        The bytes of the file.

    Raises:
        ValueError: when ``labels`` has another shape or type.

    Example:
        >>> data = encode_label(np.array([[0, 255]], np.uint8), bytes(768))
        >>> decode_label(tf.constant(data)).numpy().tolist()
        [[0, 255]]
    """
    labels = np.asarray(labels)
    if labels.dtype != np.uint8 or labels.ndim != 2:
        raise ValueError(
            "labels must be uint8 [height, width]. "
            f"Received: {labels.dtype} of shape {labels.shape}. Cast ids to uint8 first."
        )
    image = Image.fromarray(np.ascontiguousarray(labels)).convert("L")
    if palette is not None:
        image.putpalette(palette)
    stream = io.BytesIO()
    image.save(stream, "PNG", bits=8, pnginfo=png_mark(mark))
    return stream.getvalue()


def _color_text(kind: str = "RGB or with alpha") -> str:
    return (
        f"the label holds colours ({kind}), not ids; labels must be indexed or grey PNG, "
        "with the id of the class in every pixel"
    )


def _spread(depth: tf.Tensor) -> tf.Tensor:
    return tf.gather([_SPREAD.get(bits, 1) for bits in range(256)], depth)


def _as_grey(contents: tf.Tensor, header: tf.Tensor, is_palette: tf.Tensor) -> tf.Tensor:
    """Returns the PNG with colour type "grey" and without the chunks before its pixels.

    Palette and transparency go because libpng logs a warning where a grey file has them.
    """
    change = tf.where(is_palette, _CRC_CHANGE, tf.zeros_like(_CRC_CHANGE))
    color_type = tf.zeros([1], tf.uint8)
    crc = tf.bitwise.bitwise_xor(header[_CRC_AT:_HEADER_END], change)
    rewritten = tf.concat([header[:_COLOR_TYPE_AT], color_type, header[26:_CRC_AT], crc], 0)
    every_byte = tf.constant([bytes([value]) for value in range(256)])
    start = tf.strings.reduce_join(tf.gather(every_byte, tf.cast(rewritten, tf.int32)))
    pixels_at = _first_pixel_chunk(contents)
    return tf.strings.join([start, tf.strings.substr(contents, pixels_at, 2**31 - 1)])


def _first_pixel_chunk(contents: tf.Tensor) -> tf.Tensor:
    """Returns the position of the first IDAT chunk, or the end of the file without one."""
    end = tf.strings.length(contents)

    def chunk_size(at: tf.Tensor) -> tf.Tensor:
        length = tf.io.decode_raw(
            tf.strings.join(["\0\0\0\0", tf.strings.substr(contents, at, 4)]),
            tf.int64,
            little_endian=False,
        )
        return tf.cast(tf.minimum(length[0] + 12, tf.cast(end, tf.int64)), tf.int32)

    def goes_on(at: tf.Tensor) -> tf.Tensor:
        inside = at + 8 <= end
        safe = tf.where(inside, at, 0)
        return inside & tf.not_equal(tf.strings.substr(contents, safe + 4, 4), b"IDAT")

    at = tf.while_loop(goes_on, lambda at: (at + chunk_size(at),), [tf.constant(_HEADER_END)])[0]
    return tf.minimum(at, end)
