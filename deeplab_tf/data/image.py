"""Decodes images of any kind to RGB; the only image decoder of the package."""

from __future__ import annotations

import os

import numpy as np
import tensorflow as tf

from deeplab_tf.data.files import plain_reason
from deeplab_tf.data.orientation import (
    apply_orientation,
    belongs_upright,
    orientation_in_graph,
    orientation_of,
    read_orientation,
)
from deeplab_tf.data.other_formats import decode_other
from deeplab_tf.data.paths import user_path
from deeplab_tf.data.sample_depth import eight_bits
from deeplab_tf.data.spec import DataError

_JPEG_START = b"\xff\xd8\xff"
_PNG_START = b"\x89PNG\r\n\x1a\n"
_DEPTH_AT = 24  # byte of a PNG that says how many bits a sample has
_DCT = "INTEGER_ACCURATE"
# What the message about a turned image of a data set holds.
TURNED = "stored turned (EXIF orientation"


def decode_image(contents: tf.Tensor, name: tf.Tensor | str = "image") -> tf.Tensor:
    """Decodes a JPEG or PNG inside a graph, to the pixels that Pillow gives.

    Greyscale is repeated, alpha dropped, CMYK converted and 16 bits reduced to 8, see
    ``eight_bits``.

    Args:
        contents: string scalar, the bytes of the file.
        name: what error messages call the file.

    Returns:
        uint8 ``[height, width, 3]``, RGB.

    Raises:
        tf.errors.InvalidArgumentError: when the bytes are neither, or broken.
    """
    contents, is_jpeg = _checked(contents, name)
    return _decode_whole(contents, is_jpeg)


def image_size(contents: tf.Tensor, name: tf.Tensor | str = "image") -> tf.Tensor:
    """Reads height and width of a JPEG or PNG inside a graph, without decoding it.

    Args:
        contents: string scalar, the bytes of the file.
        name: what error messages call the file.

    Returns:
        int32 ``[2]``.

    Raises:
        tf.errors.InvalidArgumentError: when the bytes are neither, or broken.
    """
    contents, is_jpeg = _checked(contents, name)
    size = tf.cond(
        is_jpeg,
        lambda: tf.image.extract_jpeg_shape(contents)[:2],
        lambda: tf.io.decode_raw(_png_size(contents), tf.int32, little_endian=False)[::-1],
    )
    return tf.ensure_shape(size, [2])


def decode_window(
    contents: tf.Tensor, window: tf.Tensor, name: tf.Tensor | str = "image"
) -> tf.Tensor:
    """Decodes a part of a JPEG or PNG inside a graph, to the pixels of ``decode_image``.

    What lies below the part in a JPEG is not even read, nor transformed what lies beside it.

    Args:
        contents: string scalar, the bytes of the file.
        window: int32 ``[4]``: top, left, height, width; inside the image.
        name: what error messages call the file.

    Returns:
        uint8 ``[height, width, 3]``, RGB.

    Raises:
        tf.errors.InvalidArgumentError: when the bytes are neither, or broken.
    """
    contents, is_jpeg = _checked(contents, name)
    pixels = tf.cond(
        is_jpeg,
        lambda: _decode_jpeg_window(contents, window),
        lambda: _part(_decode_whole(contents, is_jpeg), window),
    )
    pixels.set_shape([None, None, 3])
    return pixels


def starts_as_jpeg(contents: tf.Tensor) -> tf.Tensor:
    """Returns whether bytes begin as those of a JPEG file, inside a graph."""
    return tf.equal(tf.strings.substr(contents, 0, len(_JPEG_START)), _JPEG_START)


def starts_as_png(contents: tf.Tensor) -> tf.Tensor:
    """Returns whether bytes begin as those of a PNG file, inside a graph."""
    return tf.equal(tf.strings.substr(contents, 0, len(_PNG_START)), _PNG_START)


def _checked(contents: tf.Tensor, name: tf.Tensor | str) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the bytes after checking their kind, and whether they are a JPEG's."""
    is_jpeg, is_png = starts_as_jpeg(contents), starts_as_png(contents)
    message = tf.strings.join([name, ": neither a JPEG nor a PNG file"])
    with tf.control_dependencies([tf.debugging.Assert(is_jpeg | is_png, [message])]):
        return tf.identity(contents), is_jpeg


def _png_size(contents: tf.Tensor) -> tf.Tensor:
    """Returns width and height as eight bytes, zeros where the file is shorter."""
    return tf.strings.substr(tf.strings.join([contents, "\0" * 24]), 16, 8)


def _decode_whole(contents: tf.Tensor, is_jpeg: tf.Tensor) -> tf.Tensor:
    depth = tf.strings.substr(tf.strings.join([contents, "\0" * 25]), _DEPTH_AT, 1)
    image = tf.cond(
        ~is_jpeg & tf.equal(depth, b"\x10"),
        lambda: eight_bits(tf.io.decode_png(contents, channels=3, dtype=tf.uint16)),
        # The JPEG operation reads PNG too, and is the one with a choice of DCT.
        lambda: tf.io.decode_jpeg(contents, channels=3, dct_method=_DCT),
    )
    return tf.ensure_shape(image, [None, None, 3])


def _decode_jpeg_window(contents: tf.Tensor, window: tf.Tensor) -> tf.Tensor:
    # Colours are stored coarser than brightness and enlarged with their neighbours left and
    # right. In the first and last column of a window those are missing, so one more is decoded.
    top, left, height, width = tf.unstack(window)
    start = tf.maximum(left - 1, 0)
    end = tf.minimum(left + width + 1, tf.image.extract_jpeg_shape(contents)[1])
    wider = tf.stack([top, start, height, end - start])
    pixels = tf.image.decode_and_crop_jpeg(contents, wider, channels=3, dct_method=_DCT)
    return pixels[:, left - start : left - start + width]


def _part(image: tf.Tensor, window: tf.Tensor) -> tf.Tensor:
    top, left, height, width = tf.unstack(window)
    return image[top : top + height, left : left + width]


def read_upright(path: str | os.PathLike) -> np.ndarray:
    """Reads an image and applies its EXIF orientation.

    Returns:
        uint8 ``[height, width, 3]``, RGB.

    Raises:
        DataError: when the file cannot be read; the message names it.
    """
    return decode_upright(_read_bytes(path), str(path))


def decode_upright(contents: bytes, name: str) -> np.ndarray:
    """Decodes the bytes of an image, as ``read_upright`` does with a file.

    Args:
        contents: JPEG or PNG, or what ``decode_other`` reads.
        name: what the message of an error calls it.

    Returns:
        uint8 ``[height, width, 3]``, RGB.

    Raises:
        DataError: they are no image that can be read.
    """
    if not is_jpeg_or_png(contents):
        return decode_other(contents, name)
    orientation = read_orientation(name, contents)
    return apply_orientation(image_pixels(contents, name), orientation)


def read_image(path: str | os.PathLike) -> np.ndarray:
    """Reads an image's stored pixels without applying the EXIF orientation of a JPEG or PNG.

    Returns:
        uint8 ``[height, width, 3]``, RGB.

    Raises:
        DataError: when the file cannot be read; the message names it.
    """
    return image_pixels(_read_bytes(path), str(path))


def read_fitting(
    path: str | os.PathLike, label_size: tuple[int, ...] | None, any_format: bool = False
) -> np.ndarray:
    """Reads an image of a data set upright; see ``fitting_pixels``."""
    return fitting_pixels(_read_bytes(path), str(path), label_size, any_format)


def image_pixels(contents: bytes, name: str) -> np.ndarray:
    """Decodes the bytes of an image, as ``read_image`` does with a file.

    Args:
        contents: JPEG or PNG, or what ``decode_other`` reads.
        name: what the message of an error calls it.
    """
    if not is_jpeg_or_png(contents):
        return decode_other(contents, name)
    try:
        with tf.device("CPU:0"):
            return decode_image(tf.constant(contents)).numpy()
    except tf.errors.InvalidArgumentError as error:
        raise DataError(f"{name}: broken or cut off ({plain_reason(error)}).") from None


def fitting_pixels(
    contents: bytes, name: str, label_size: tuple[int, ...] | None, any_format: bool = False
) -> np.ndarray:
    """Decodes an image of a data set upright, if its label certainly belongs to the upright image.

    Args:
        contents: as for ``image_pixels``.
        name: what the message of an error calls it.
        label_size: height and width of its label, None where there is none or it is broken.
        any_format: whether it may be another file than JPEG or PNG, which no graph decodes.

    Returns:
        uint8 ``[height, width, 3]``, RGB.

    Raises:
        DataError: when the file is broken or of another format, or EXIF turns it and
            ``belongs_upright`` says no.
    """
    if not (any_format or is_jpeg_or_png(contents)):
        raise DataError(
            f"{name}: neither a JPEG nor a PNG file, which data sets consist of; "
            "tools/convert_dataset.py --dataset=folder makes one of other files."
        )
    pixels, orientation = image_pixels(contents, name), orientation_of(contents, name)
    if orientation == 1:
        return pixels
    if is_jpeg_or_png(contents):
        stored, pixels = pixels.shape[:2], apply_orientation(pixels, orientation)
        # What a graph does not see, it does not turn.
        is_known = int(orientation_in_graph(tf.constant(contents))) == orientation
    else:
        stored, is_known = pixels.shape[:2][:: -1 if orientation >= 5 else 1], True
    if not is_known or not belongs_upright(orientation, stored, label_size):
        raise DataError(f"{name}: {TURNED} {orientation}).")
    return pixels


def is_jpeg_or_png(contents: bytes) -> bool:
    """Returns whether bytes begin as those of a JPEG or PNG, which graphs decode."""
    return contents.startswith((_JPEG_START, _PNG_START))


def _read_bytes(path: str | os.PathLike) -> bytes:
    try:
        return user_path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from None
