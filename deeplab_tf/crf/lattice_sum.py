"""Kernels on lattices as one linear map over the pixels of an image."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import tensorflow as tf

from deeplab_tf.crf.lattice_kernel import LatticeKernel
from deeplab_tf.crf.shards import cut
from deeplab_tf.crf.sparse import WIDE, SparseMatrix, multiply, rows_matrix

# Columns that are filtered at a time where there are WIDE or more.
_GROUP = 24


class LatticeSum:
    """The sum of kernels on lattices; the pixels read the corners of all of them at once.

    Args:
        kernels: of the same pixels.
        columns: the most values that a pixel will have, if known.
    """

    def __init__(self, kernels: Sequence[LatticeKernel], columns: int | None = None):
        self._kernels = kernels
        self._is_narrow = columns is not None and columns < WIDE
        self._matrices = self.matrices()

    def __call__(self, values):
        """Filters [N, K]."""
        return self._in_groups(lambda part: self._read(self._blurred(part)), values)

    def restrict(self, points, is_point, values) -> tuple[tf.Tensor, LatticeSum]:
        """Returns what some points read of [N, K], and the filter from these points to the same.

        The filter leaves out paths far from the points, see `LatticeKernel.restrict`.

        Args:
            points: int32 [P].
            is_point: bool [N], the same.
            values: [N, K].

        Returns:
            [P, K] and the filter.
        """
        restricted, kept = copy.copy(self), []
        restricted._kernels = []
        for kernel in self._kernels:
            one, corners = kernel.restrict(points)
            restricted._kernels.append(one)
            kept += corners
        restricted._matrices = restricted.matrices()

        def read(part):
            pairs = zip(self._blurred(part), kept, strict=True)
            return restricted._read([tf.gather(*pair) for pair in pairs])

        return self._in_groups(read, values), restricted

    def matrices(self) -> list[SparseMatrix]:
        """Returns the matrices [n, M] of the shards, from the corners of all kernels to pixels."""
        corners, weights, start = [], [], tf.zeros([], tf.int32)
        for kernel in self._kernels:
            starts = [start]
            for size in kernel.sizes:
                starts.append(starts[-1] + size)
            for r, numbers in enumerate(kernel.corners):
                corners.append(numbers + starts[r % len(kernel.sizes)])
            weights += kernel.weights
            start = starts[-1]
        shards = (zip(*map(cut, columns), strict=True) for columns in (corners, weights))
        return [rows_matrix(*shard, start) for shard in zip(*shards, strict=True)]

    def _blurred(self, values) -> list[tf.Tensor]:
        """Spreads [N, K] and blurs it: the parts of all kernels."""
        parts = []
        for kernel in self._kernels:
            parts += kernel.blur(kernel.spread(values))
        return parts

    def _read(self, parts):
        corners = tf.concat(parts, axis=0)
        return tf.concat([multiply(matrix, corners) for matrix in self._matrices], axis=0)

    def _in_groups(self, function, values):
        """Calls a function of [N, K], with some columns at a time where there are many."""
        if self._is_narrow:
            return function(values)
        return tf.cond(
            tf.shape(values)[1] < WIDE,
            lambda: function(values),
            lambda: _by_columns(function, values),
        )


def _by_columns(function, values):
    columns = tf.shape(values)[1]
    groups = (columns + _GROUP - 1) // _GROUP
    done = tf.TensorArray(tf.float32, groups, infer_shape=False)

    def step(i, done):
        part = function(values[:, i * _GROUP : (i + 1) * _GROUP])
        return i + 1, done.write(i, tf.transpose(part))

    _, done = tf.while_loop(
        lambda i, _: i < groups, step, (tf.constant(0), done), parallel_iterations=1
    )
    return tf.transpose(tf.reshape(done.concat(), [columns, -1]))
