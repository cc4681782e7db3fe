"""The two Gaussian kernels of the CRF as linear maps over the pixels of an image."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from deeplab_tf.crf.permutohedral import Lattice, blur, slice_, splat

# Taps of the true Gaussian farther out weigh less than 4e-4 of the middle one.
REACH = 4.0


class LatticeFilter:
    """Sums values over all pixels with Gaussian weights, on the permutohedral lattice."""

    def __init__(self, lattice: Lattice):
        self.lattice = lattice

    def __call__(self, values):
        """Filters [N, K]."""
        return slice_(self.lattice, blur(self.lattice, splat(self.lattice, values)))

    def restrict(self, points, values) -> Callable:
        """Returns the filter from some points to the same, all others keeping their values."""
        own = self.lattice.take(points)
        others = splat(self.lattice, values) - splat(own, tf.gather(values, points))
        return lambda changed: slice_(own, blur(own, others + splat(own, changed)))


class SeparableFilter:
    """Sums values over all pixels with a true Gaussian of their distance."""

    def __init__(self, height, width, sigma: float):
        self.size = height, width
        radius = max(1, math.ceil(REACH * sigma))
        self.taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2).astype(np.float32)

    def __call__(self, values):
        """Filters [H * W, K]."""
        channels = tf.shape(values)[-1]
        taps = tf.tile(self.taps[:, None], [1, channels])
        image = tf.reshape(values, [1, *self.size, channels])
        for shape in ([-1, 1], [1, -1]):
            kernel = tf.reshape(taps, [*shape, channels, 1])
            image = tf.nn.depthwise_conv2d(image, kernel, [1, 1, 1, 1], "SAME")
        return tf.reshape(image, [-1, channels])

    def restrict(self, points, values) -> Callable:
        """Returns the filter from some points to the same, all others keeping their values."""

        def filtered(changed):
            everywhere = tf.tensor_scatter_nd_update(values, points[:, None], changed)
            return tf.gather(self(everywhere), points)

        return filtered


class Kernel:
    """A filter with its normalisation.

    Args:
        linear: the filter.
        pixels: N.
        normalization: as in `CrfParameters`.

    Attributes:
        linear: the filter.
        before: factor on the values [N, 1], or None for 1.
        after: factor on the filtered values [N, 1], or None for 1.
    """

    def __init__(self, linear, pixels, normalization: str):
        self.linear = linear
        self.before = self.after = None
        if normalization != "none":
            factor = 1 / (linear(tf.ones([pixels, 1])) + 1e-20)
            if normalization == "symmetric":
                self.before = self.after = tf.sqrt(factor)
            elif normalization == "before":
                self.before = factor
            else:
                self.after = factor

    def __call__(self, values):
        """Sends messages: [N, K] to [N, K]."""
        return _times(self.linear(_times(values, self.before)), self.after)

    def restrict(self, points, values) -> Callable:
        """Returns the messages from some points to the same, all others keeping their values."""
        before, after = (
            None if factor is None else tf.gather(factor, points)
            for factor in (self.before, self.after)
        )
        linear = self.linear.restrict(points, _times(values, self.before))
        return lambda changed: _times(linear(_times(changed, before)), after)


def _times(values, factor):
    return values if factor is None else values * factor
