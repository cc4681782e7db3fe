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
_MARKS = (b"Exif\0\0", b"eXIf", b"Raw profile type ", b"ns.adobe.com/xap", b"XML:com.adobe.xmp")
# EXIF is a TIFF header, a count and entries of 12 bytes that are sorted by their tags: any number
# of smaller tags, then 0x0112 with one 16-bit value of 2..8. Both orders of bytes occur.
_TURNED = (
    r"(?s)\C*(?:Exif\x00\x00|eXIf)(?:"
    r"MM\x00\x2a\x00\x00\x00\x08\C\C(?:(?:\x00\C|\x01[\x00-\x11])\C{10})*"
    r"\x01\x12\x00\x03\x00\x00\x00\x01\x00[\x02-\x08]"
    r"|II\x2a\x00\x08\x00\x00\x00\C\C(?:(?:\C\x00|[\x00-\x11]\x01)\C{10})*"
    r"\x12\x01\x03\x00\x01\x00\x00\x00[\x02-\x08]\x00"
    r")\C*"
)
_HEAD = 8192  # bytes; EXIF comes first, and to search all would take as long as to decode it


def read_orientation(path: str | os.PathLike) -> int:
    """Reads the EXIF orientation of a file; 1 (upright) where it has none or an unreadable one.

    Raises:
        DataError: when the image is so large that Pillow takes it for an attack.
    """
    return _orientation(user_path(path), path)


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


def is_turned(contents: tf.Tensor) -> tf.Tensor:
    """Returns whether a JPEG or PNG has an EXIF orientation other than upright, inside a graph.

    Sees EXIF in the first 8 KiB, where cameras and editors write it; not XMP.

    Args:
        contents: string scalar, the bytes of the file.
    """
    return tf.strings.regex_full_match(tf.strings.substr(contents, 0, _HEAD), _TURNED)


def apply_orientation(image: np.ndarray, orientation: int) -> np.ndarray:
    """Rotates and mirrors stored pixels upright.

    Args:
        image: ``[height, width, ...]``.
        orientation: 1..8 as in EXIF; 5..8 swap height and width.
    """
    if orientation >= 5:
        image = image.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)


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
