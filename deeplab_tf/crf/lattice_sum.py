"""Kernels on lattices as one linear map over the pixels of an image."""

from __future__ import annotations

import copy
import itertools
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
        self._fixed = []
        self._matrices = self.matrices()

    def __call__(self, values):
        """Filters [N, K]."""
        arrays = [values, *self._fixed]
        if self._is_narrow:
            return self._filter(arrays)
        return tf.cond(
            tf.shape(values)[1] < WIDE,
            lambda: self._filter(arrays),
            lambda: _by_columns(self._filter, arrays),
        )

    def restrict(self, points, is_point, values) -> LatticeSum:
        """Returns the filter from some points to the same, all others keeping their values.

        Args:
            points: int32 [P].
            is_point: bool [N], the same.
            values: [N, K].
        """
        restricted = copy.copy(self)
        restricted._kernels = [kernel.take(points) for kernel in self._kernels]
        restricted._matrices = restricted.matrices()
        others = tf.where(is_point[:, None], 0.0, values)
        restricted._fixed = self._spread(others)
        return restricted

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

    def _filter(self, arrays):
        """Filters [N, K], on top of what is spread already, if given."""
        values, *fixed = arrays
        parts = self._spread(values)
        if fixed:
            parts = [part + others for part, others in zip(parts, fixed, strict=True)]
        parts, blurred = iter(parts), []
        for kernel in self._kernels:
            blurred += kernel.blur([next(parts) for _ in kernel.sizes])
        corners = tf.concat(blurred, axis=0)
        return tf.concat([multiply(matrix, corners) for matrix in self._matrices], axis=0)

    def _spread(self, values):
        return list(itertools.chain(*(kernel.spread(values) for kernel in self._kernels)))


def _by_columns(function, arrays):
    """Calls a function of arrays [., K] with some columns of all at a time."""
    columns = tf.shape(arrays[0])[1]
    groups = (columns + _GROUP - 1) // _GROUP
    done = tf.TensorArray(tf.float32, groups, infer_shape=False)

    def step(i, done):
        part = function([array[:, i * _GROUP : (i + 1) * _GROUP] for array in arrays])
        return i + 1, done.write(i, tf.transpose(part))

    _, done = tf.while_loop(
        lambda i, _: i < groups, step, (tf.constant(0), done), parallel_iterations=1
    )
    return tf.transpose(tf.reshape(done.concat(), [columns, -1]))
