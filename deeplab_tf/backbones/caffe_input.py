"""What the published networks expect as input: BGR, 0 to 255, minus the mean of their images."""

from __future__ import annotations

import tensorflow as tf

MEAN_BGR = (104.008, 116.669, 122.675)
MEAN_RGB = MEAN_BGR[::-1]


def to_caffe_input(images):
    """Turns RGB images 0..255 [B, H, W, 3] of any dtype into BGR minus the mean, float32."""
    return tf.cast(images, tf.float32)[..., ::-1] - tf.constant(MEAN_BGR, tf.float32)
