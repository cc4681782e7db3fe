"""Reads and applies the EXIF orientation of images."""

from __future__ import annotations

import io
import os
import warnings

import numpy as np
import tensorflow as tf
from PIL import Image

from deeplab_tf.data.paths import user_path
from deeplab_tf.data.spec import DataError

_TAG = 0x0112
# One of these stands before everything that Pillow takes an orientation from: EXIF of a JPEG and
# of a PNG, the same as text of a PNG, and XMP of both.
# And the start of the TIFF that EXIF is: the file's, or in a WebP.
_MARKS = (b"Exif\0\0", b"eXIf", b"Raw profile type ", b"ns.adobe.com/xap", b"XML:com.adobe.xmp",
          b"II*\0", b"MM\0*")  # fmt: skip
# EXIF is a TIFF header, a count and entries of 12 bytes that are sorted by their tags: any number
# of smaller tags, then 0x0112 with one 16-bit value of 2..8. Both orders of bytes occur.
_TURNED = (
    r"(?s)\C*?(?:Exif\x00\x00|eXIf)(?:"
    r"MM\x00\x2a\x00\x00\x00\x08\C\C(?:(?:\x00\C|\x01[\x00-\x11])\C{10})*"
    r"\x01\x12\x00\x03\x00\x00\x00\x01\x00([\x02-\x08])"
    r"|II\x2a\x00\x08\x00\x00\x00\C\C(?:(?:\C\x00|[\x00-\x11]\x01)\C{10})*"
    r"\x12\x01\x03\x00\x01\x00\x00\x00([\x02-\x08])\x00"
    r")\C*"
)
# Orientations whose stored columns, or rows, run the other way; 5..8 have rows for columns first.
_MIRRORED, _FLIPPED = (2, 3, 6, 7), (3, 4, 7, 8)
_HEAD = 8192  # bytes; EXIF comes first, and to search all would take as long as to decode it


def read_orientation(path: str | os.PathLike, contents: bytes | None = None) -> int:
    """Reads the EXIF orientation of a file; 1 (upright) where it has none or an unreadable one.

    Args:
        path: the file; with contents only what messages call it.
        contents: of the file, where they are there already.

    Raises:
        DataError: when the image is so large that Pillow takes it for an attack.
    """
    return _orientation(user_path(path) if contents is None else io.BytesIO(contents), path)


def orientation_of(contents: bytes, name: str) -> int:
    """Reads the EXIF orientation of an image's bytes, as `read_orientation` does for a file.

    Args:
        contents: JPEG or PNG.
        name: what the message of an error calls it.
    """
    # Pillow decodes a whole PNG to find out that it has no EXIF.
    if not any(mark in contents for mark in _MARKS):
        return 1
    return _orientation(io.BytesIO(contents), name)


def orientation_in_graph(contents: tf.Tensor) -> tf.Tensor:
    """Reads the EXIF orientation of a JPEG or PNG inside a graph; 1 (upright) where it has none.

    Sees EXIF in the first 8 KiB, where cameras and editors write it; not XMP.

    Args:
        contents: string scalar, the bytes of the file.

    Returns:
        int32 scalar, 1..8.
    """
    head = tf.strings.substr(contents, 0, _HEAD)

    def value() -> tf.Tensor:
        byte = tf.strings.regex_replace(head, _TURNED, r"\1\2", replace_global=False)
        return tf.cast(tf.io.decode_raw(byte, tf.uint8)[0], tf.int32)

    return tf.cond(tf.strings.regex_full_match(head, _TURNED), value, lambda: tf.constant(1))


def belongs_upright(
    orientation: int, stored: tuple[int, ...], label: tuple[int, ...] | None
) -> bool:
    """Returns whether a label was certainly drawn on the upright image.

    That is so where turning makes the height the width, and the label has the size of the upright
    image alone. Otherwise nothing tells whether it was drawn on the pixels as they are stored or as
    they are shown.

    Args:
        orientation: of the image, 1..8 as in EXIF.
        stored: height and width of the image as it is stored.
        label: those of its label, None without one.

    Example:
        >>> belongs_upright(6, (30, 40), (40, 30)), belongs_upright(6, (30, 40), (30, 40))
        (True, False)
    """
    if orientation == 1:
        return True
    return orientation >= 5 and label == (stored[1], stored[0]) and label != stored


def upright_in_graph(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Does what `apply_orientation` does inside a graph.

    Args:
        image: ``[height, width, 3]``.
        orientation: int32 scalar, 1..8.
    """

    def turned() -> tf.Tensor:
        # Of integers, TensorFlow complains that oneDNN cannot transpose them on some processors.
        whole = tf.cast(image, tf.float32)
        sides = tf.cond(orientation >= 5, lambda: tf.transpose(whole, [1, 0, 2]), lambda: whole)
        columns = tf.where(_is_one_of(orientation, _MIRRORED), -1, 1)
        rows = tf.where(_is_one_of(orientation, _FLIPPED), -1, 1)
        return tf.cast(sides[::rows, ::columns], image.dtype)

    turned_image = tf.cond(tf.equal(orientation, 1), lambda: tf.identity(image), turned)
    return tf.ensure_shape(turned_image, [None, None, 3])


def stored_window(window: tf.Tensor, size: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Finds where a part of an upright image lies in the stored one, inside a graph.

    Args:
        window: int32 ``[4]``: top, left, height, width in the upright image.
        size: int32 ``[2]``: height and width of the upright image.
        orientation: int32 scalar, 1..8.

    Returns:
        int32 ``[4]``, the same of the stored image.
    """
    top, left, height, width = tf.unstack(window)
    top = tf.where(_is_one_of(orientation, _FLIPPED), size[0] - top - height, top)
    left = tf.where(_is_one_of(orientation, _MIRRORED), size[1] - left - width, left)
    swapped = tf.stack([left, top, width, height])
    return tf.where(orientation >= 5, swapped, tf.stack([top, left, height, width]))


def apply_orientation(image: np.ndarray, orientation: int) -> np.ndarray:
    """Rotates and mirrors stored pixels upright.

    Args:
        image: ``[height, width, ...]``.
        orientation: 1..8 as in EXIF; 5..8 swap height and width.
    """
    if orientation >= 5:
        image = image.swapaxes(0, 1)
    if orientation in _MIRRORED:
        image = image[:, ::-1]
    if orientation in _FLIPPED:
        image = image[::-1]
    return np.ascontiguousarray(image)


def _is_one_of(orientation: tf.Tensor, values: tuple[int, ...]) -> tf.Tensor:
    return tf.reduce_any(tf.equal(orientation, values))


def _orientation(file: str | os.PathLike | io.BytesIO, name: str | os.PathLike) -> int:
    try:
        with warnings.catch_warnings():
            # Large images are meant to be read.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(file)
        with image:
            orientation = image.getexif().get(_TAG, 1)
    except Image.DecompressionBombError as error:
        raise DataError(f"{name}: too large ({error}).") from None
    except (OSError, ValueError, SyntaxError):
        return 1
    return orientation if orientation in range(1, 9) else 1
