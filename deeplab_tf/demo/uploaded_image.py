"""Reads uploaded images, whose size is checked before they are decoded."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import tensorflow as tf

from deeplab_tf.data.image import (
    apply_orientation,
    image_pixels,
    image_size,
    is_jpeg_or_png,
    read_orientation,
)
from deeplab_tf.data.other_formats import other_size
from deeplab_tf.data.spec import DataError
from deeplab_tf.evaluation.tiles import WHOLE_PIXELS

MAX_BYTES = 32 * 2**20


def read_image(path: str | os.PathLike) -> np.ndarray:
    """Reads an image upright, as `read_upright` does, if it is small enough for the page.

    Args:
        path: the upload.

    Returns:
        uint8 [H, W, 3], RGB, of at most `WHOLE_PIXELS`: larger images are labelled in tiles, whose
        logits would be too much to keep for every visitor.

    Raises:
        DataError: it is no image, broken or too large; the message calls it by its name without
            the folder.
    """
    path = Path(path)
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise DataError(f"{path.name}: {size / 2**20:.0f} MB are too much; {_bounds()}")
    contents = path.read_bytes()
    height, width = _size_in_header(contents, path.name)
    if height * width > WHOLE_PIXELS:
        raise DataError(f"{path.name}: {width} x {height} pixels are too many; {_bounds()}")
    pixels = image_pixels(contents, path.name)
    return apply_orientation(pixels, read_orientation(path)) if is_jpeg_or_png(contents) else pixels


def _size_in_header(contents: bytes, name: str) -> tuple[int, int]:
    if not is_jpeg_or_png(contents):
        return other_size(contents, name)
    try:
        with tf.device("CPU:0"):
            height, width = image_size(tf.constant(contents)).numpy().tolist()
    except tf.errors.InvalidArgumentError:
        return 0, 0  # the decoder reports what is wrong
    return height, width


def _bounds() -> str:
    return (
        f"this page takes images of up to {WHOLE_PIXELS / 1e6:.1f} megapixels and "
        f"{MAX_BYTES // 2**20} MB. Make it smaller, or label it with tools/predict.py."
    )
