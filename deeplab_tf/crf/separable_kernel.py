"""The smoothness kernel as a true Gaussian, filtered along columns, then rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from deeplab_tf.crf.normalization import normalizers

# Taps farther out weigh less than 4e-4 of the middle one.
REACH = 4.0


class SeparableKernel:
    """Filters the pixels' values with a weighted Gaussian of their distance.

    Args:
        size: height and width of the image.
        sigma: in pixels.
        weight: of the kernel.
        normalization: as in `CrfParameters`.
    """

    def __init__(
        self,
        size: Sequence[int | tf.Tensor],
        sigma: float,
        weight: float | tf.Tensor,
        normalization: str,
    ):
        self._size = size
        radius = max(1, math.ceil(REACH * sigma))
        self._taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2).astype("float32")
        column, row = (self._sums(length) for length in size)
        sums = tf.reshape(column[:, None] * row, [-1, 1])
        self._before, after = normalizers(sums, normalization)
        self._after = weight * (tf.ones_like(sums) if after is None else after)

    def __call__(self, values: tf.Tensor) -> list[tf.Tensor]:
        """Filters [N, K]; returns tensors [N, K] whose sum is the result."""
        return [self._filter(values) * self._after]

    def restrict(
        self, points: tf.Tensor, is_point: tf.Tensor, values: tf.Tensor
    ) -> tuple[list[tf.Tensor], Callable[[tf.Tensor], list[tf.Tensor]]]:
        """Filters all pixels' values for some pixels only, and makes the filter between these.

        Args:
            points: int32 [P], the pixels.
            is_point: bool [N], the same.
            values: [N, K].

        Returns:
            Tensors [P, K] whose sum is the result at these pixels, and the filter from [P, K] to
            the same.
        """
        after = tf.gather(self._after, points)
        # Gathering is faster than scattering: all other pixels gather a row of zeros at the front.
        places = tf.where(is_point, tf.cumsum(tf.cast(is_point, tf.int32)), 0)

        def filter_at_points(values: tf.Tensor) -> list[tf.Tensor]:
            return [after * tf.gather(self._filter(values), points)]

        def filter_between_points(own: tf.Tensor) -> list[tf.Tensor]:
            return filter_at_points(tf.gather(tf.pad(own, [[1, 0], [0, 0]]), places))

        return filter_at_points(values), filter_between_points

    def _sums(self, length: int | tf.Tensor) -> tf.Tensor:
        """Returns the sum of the taps that lie on a line of pixels, for each of them."""
        count, place = len(self._taps), tf.range(length)
        upto = np.concatenate([[0], np.cumsum(self._taps, dtype=float)]).astype("float32")
        first = tf.maximum(count // 2 - place, 0)
        end = tf.minimum(count // 2 + length - place, count)
        return tf.gather(upto, end) - tf.gather(upto, first)

    def _filter(self, values: tf.Tensor) -> tf.Tensor:
        if self._before is not None:
            values *= self._before
        channels = tf.shape(values)[1]
        image = self._convolve(tf.reshape(values, [1, *self._size, channels]))
        return tf.reshape(image, [-1, channels])

    def _convolve(self, image: tf.Tensor) -> tf.Tensor:
        channels = tf.shape(image)[3]
        taps = tf.tile(self._taps[:, None], [1, channels])
        for shape in ([-1, 1], [1, -1]):
            kernel = tf.reshape(taps, [*shape, channels, 1])
            image = tf.nn.depthwise_conv2d(image, kernel, [1, 1, 1, 1], "SAME")
        return image
