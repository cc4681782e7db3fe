"""What the published networks expect as input: BGR, 0 to 255, minus the mean of their images."""

from __future__ import annotations

import tensorflow as tf

MEAN_BGR = (104.008, 116.669, 122.675)
MEAN_RGB = MEAN_BGR[::-1]

# he_normal keeps the size of its input, and these inputs are some 60 times larger than 1.
FIRST_KERNEL_INITIALIZER = {
    "class_name": "VarianceScaling",
    "config": {"scale": 2.0 / 60.0**2, "mode": "fan_in", "distribution": "truncated_normal"},
}


def to_caffe_input(images: tf.Tensor) -> tf.Tensor:
    """Turns RGB images 0..255 [B, H, W, 3] of any dtype into BGR minus the mean, float32."""
    return tf.cast(images, tf.float32)[..., ::-1] - tf.constant(MEAN_BGR, tf.float32)
