"""What the mobile networks and Xception expect as input: RGB from -1 to 1."""

from __future__ import annotations

import tensorflow as tf

MEAN_RGB = (127.5, 127.5, 127.5)


def to_unit_input(images: tf.Tensor) -> tf.Tensor:
    """Turns RGB images 0..255 [B, H, W, 3] of any dtype into RGB -1..1, float32."""
    return tf.cast(images, tf.float32) / 127.5 - 1.0
