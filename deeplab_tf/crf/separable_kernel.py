"""The smoothness kernel as a true Gaussian."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from deeplab_tf.crf.shards import cut, normalizers

# Taps farther out weigh less than 4e-4 of the middle one.
REACH = 4.0


class SeparableKernel:
    """The weighted true Gaussian of the pixels' distance.

    Args:
        size: height and width of the image.
        sigma: in pixels.
        weight: of the kernel.
        normalization: as in `CrfParameters`.
    """

    def __init__(self, size, sigma: float, weight, normalization: str):
        self._size, self._weight = size, weight
        radius = max(1, math.ceil(REACH * sigma))
        self._taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2).astype("float32")
        shapes = [1, size[0], 1, 1], [1, 1, size[1], 1]
        column, row = (self._convolve(tf.ones(shape)) for shape in shapes)
        sums = cut(tf.reshape(column * row, [-1, 1]))
        self._before, self._after = normalizers(sums, normalization)

    def __call__(self, values):
        """Filters [n, K] a shard."""
        image = tf.concat(_times(values, self._before), axis=0)
        channels = tf.shape(image)[1]
        image = self._convolve(tf.reshape(image, [1, *self._size, channels]))
        image = tf.reshape(self._weight * image, [-1, channels])
        return _times(cut(image), self._after)

    def restrict(self, points, values) -> Callable:
        """Returns the filter from some points to the same, all others keeping their values.

        Args:
            points: int32 [p] a shard, numbers within the shard.
            values: [n, K] a shard.
        """

        def filtered(changed):
            parts = zip(values, points, changed, strict=True)
            everywhere = [tf.tensor_scatter_nd_update(v, p[:, None], c) for v, p, c in parts]
            return [tf.gather(*pair) for pair in zip(self(everywhere), points, strict=True)]

        return filtered

    def _convolve(self, image):
        channels = tf.shape(image)[3]
        taps = tf.tile(self._taps[:, None], [1, channels])
        for shape in ([-1, 1], [1, -1]):
            kernel = tf.reshape(taps, [*shape, channels, 1])
            image = tf.nn.depthwise_conv2d(image, kernel, [1, 1, 1, 1], "SAME")
        return image


def _times(shards, factors):
    if factors is None:
        return shards
    return [x * factor for x, factor in zip(shards, factors, strict=True)]
