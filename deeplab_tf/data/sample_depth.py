"""Reduces images of 16 bits to 8, whatever number of the 16 bits is used."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

# Sensors of 12 bits store 0..4095 in 16. An image of 16 bits below that would be black.
_TWELVE_BITS = 1 << 12


def eight_bits(levels: tf.Tensor | np.ndarray) -> tf.Tensor:
    """Reduces levels of 16 bits to 8: their upper 8, or those of 12 bits where no level is above.

    Args:
        levels: uint16, all of an image.

    Returns:
        uint8 of the same shape.

    Example:
        >>> eight_bits(np.array([0, 4095], np.uint16)).numpy().tolist()
        [0, 255]
        >>> eight_bits(np.array([0, 4095, 65535], np.uint16)).numpy().tolist()
        [0, 15, 255]
    """
    levels = tf.cast(levels, tf.int32)  # few operations take uint16
    step = tf.where(tf.reduce_max(levels) < _TWELVE_BITS, 16, 256)
    return tf.cast(levels // step, tf.uint8)
