"""Reads uploaded images, whose size is checked before they are decoded."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import tensorflow as tf

from deeplab_tf.data.image import apply_orientation, image_pixels, image_size, read_orientation
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
    height, width = _size_in_header(contents)
    if height * width > WHOLE_PIXELS:
        raise DataError(f"{path.name}: {width} x {height} pixels are too many; {_bounds()}")
    return apply_orientation(image_pixels(contents, path.name), read_orientation(path))


def _size_in_header(contents: bytes) -> tuple[int, int]:
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
