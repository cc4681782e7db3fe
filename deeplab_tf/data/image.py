"""Decodes JPEG and PNG files of any kind to RGB; the only image decoder of the package."""

from __future__ import annotations

import os

import numpy as np
import tensorflow as tf

from deeplab_tf.data.files import plain_reason
from deeplab_tf.data.orientation import apply_orientation, orientation_of, read_orientation
from deeplab_tf.data.paths import user_path
from deeplab_tf.data.spec import DataError

_JPEG_START = b"\xff\xd8\xff"
_PNG_START = b"\x89PNG\r\n\x1a\n"
_DCT = "INTEGER_ACCURATE"
# What the message about a turned image of a data set holds.
TURNED = "stored turned (EXIF orientation"


def decode_image(contents: tf.Tensor, name: tf.Tensor | str = "image") -> tf.Tensor:
    """Decodes a JPEG or PNG inside a graph, to the pixels that Pillow gives.

    Greyscale is repeated, alpha dropped, CMYK converted and 16 bits reduced to their upper 8.

    Args:
        contents: string scalar, the bytes of the file.
        name: what error messages call the file.

    Returns:
        uint8 ``[height, width, 3]``, RGB.

    Raises:
        tf.errors.InvalidArgumentError: when the bytes are neither, or broken.
    """
    contents, _ = _checked(contents, name)
    # The JPEG operation reads PNG too, and is the one with a choice of DCT.
    image = tf.io.decode_jpeg(contents, channels=3, dct_method=_DCT)
    image.set_shape([None, None, 3])
    return image


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
        lambda: _part(tf.io.decode_jpeg(contents, channels=3, dct_method=_DCT), window),
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
    orientation = read_orientation(path)
    return apply_orientation(read_image(path), orientation)


def read_image(path: str | os.PathLike, refuse_turned: bool = False) -> np.ndarray:
    """Reads an image's stored pixels without applying its EXIF orientation.

    Args:
        path: the file.
        refuse_turned: whether an image with another orientation than upright is an error, as
            it is in a data set, where labels belong to upright images.

    Returns:
        uint8 ``[height, width, 3]``, RGB.

    Raises:
        DataError: when the file cannot be read or is refused; the message names it.
    """
    try:
        contents = user_path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from None
    return image_pixels(contents, str(path), refuse_turned)


def image_pixels(contents: bytes, name: str, refuse_turned: bool = False) -> np.ndarray:
    """Decodes the bytes of an image, as ``read_image`` does with a file.

    Args:
        contents: JPEG or PNG.
        name: what the message of an error calls it.
        refuse_turned: as for ``read_image``.
    """
    if not contents.startswith((_JPEG_START, _PNG_START)):
        raise DataError(f"{name}: neither a JPEG nor a PNG file.")
    try:
        with tf.device("CPU:0"):
            pixels = decode_image(tf.constant(contents)).numpy()
    except tf.errors.InvalidArgumentError as error:
        raise DataError(f"{name}: broken or cut off ({plain_reason(error)}).") from None
    if refuse_turned and (orientation := orientation_of(contents, name)) != 1:
        raise DataError(f"{name}: {TURNED} {orientation}).")
    return pixels
