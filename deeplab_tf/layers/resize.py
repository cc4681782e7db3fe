"""The one resize convention of the networks: bilinear between aligned corners."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf


def resize(maps: tf.Tensor, size: Sequence[int | tf.Tensor]) -> tf.Tensor:
    """Resizes maps bilinearly so that the corner pixels of input and output coincide.

    The published networks use this geometry (Caffe's Interp layer) for shrinking inputs and for
    zooming logits: sizes are `k * factor + 1`, and every `factor`-th output pixel is an input
    pixel. `tf.image.resize` samples at half pixels instead and would shift the logits.

    Args:
        maps: tensor [B, H, W, C].
        size: height and width of the output, at least 1 each.

    Returns:
        float32 tensor [B, size[0], size[1], C].

    Example:
        >>> resize(tf.reshape([0.0, 8.0], [1, 1, 2, 1]), (1, 5))[0, 0, :, 0].numpy().tolist()
        [0.0, 2.0, 4.0, 6.0, 8.0]
    """
    maps = tf.cast(maps, tf.float32)
    return tf.raw_ops.ResizeBilinear(
        images=maps, size=tf.stack(size), align_corners=True, half_pixel_centers=False
    )
