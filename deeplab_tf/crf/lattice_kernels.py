"""Gaussian kernels on permutohedral lattices as one linear map over the pixels of an image."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from deeplab_tf.crf.permutohedral import Lattice
from deeplab_tf.crf.shards import SHARDS, cut, normalizers
from deeplab_tf.crf.sparse import WIDE, SparseMatrix, interleave, multiply, sparse_matrix

# Columns that are filtered at a time where there are WIDE or more.
_GROUP = 24


class LatticeKernels:
    """The weighted sum of Gaussian kernels, each on a permutohedral lattice of its own.

    All lattices side by side make one sparse matrix from pixels to corners.

    Args:
        lattices: one a kernel, over the same pixels.
        weights: one a kernel.
        normalization: as in `CrfParameters`.
        columns: the most values that a pixel will have, if known.
    """

    def __init__(self, lattices: Sequence[Lattice], weights, normalization: str, columns=None):
        self._is_narrow = columns is not None and columns < WIDE
        self._sizes = [lattice.sizes for lattice in lattices]
        self._edges = [_edge_matrices(lattice) for lattice in lattices]
        self._rest = []
        self._spread = self._read = _pixel_matrices(lattices)
        kernel_of = np.repeat(np.arange(len(lattices)), [len(x.corners) for x in lattices])
        self._degree = len(kernel_of)
        # The blurs add up to such a factor along a line of points.
        gains = np.float32([1 / (1 + 2.0 ** (1 - len(lattice.edges))) for lattice in lattices])
        sums = self._sums(gains)
        before, after = normalizers(sums, normalization)
        self._learned = [None if isinstance(weight, float) else weight for weight in weights]
        gains *= [weight if isinstance(weight, float) else 1.0 for weight in weights]
        after = [gains * (1.0 if after is None else after[i]) for i, shard in enumerate(sums)]
        if before:
            self._spread = _scaled(self._spread, before, kernel_of)
        self._read = _scaled(self._read, after, kernel_of)

    def __call__(self, values):
        """Filters [n, K] a shard."""
        arrays = [*values, *self._rest]
        if self._is_narrow:
            return self._filter(arrays)
        return tf.cond(
            tf.shape(arrays[0])[1] < WIDE,
            lambda: self._filter(arrays),
            lambda: _by_columns(self._filter, arrays),
        )

    def restrict(self, points, values) -> LatticeKernels:
        """Returns the filter from some points to the same, all others keeping their values.

        Args:
            points: int32 [p] a shard, numbers within the shard.
            values: [n, K] a shard.
        """
        restricted = copy.copy(self)
        restricted._spread, restricted._read = (
            [_take_rows(*pair, self._degree) for pair in zip(matrices, points, strict=True)]
            for matrices in (self._spread, self._read)
        )
        pairs = zip(values, points, strict=True)
        others = [
            tf.tensor_scatter_nd_update(x, p[:, None], tf.zeros([tf.shape(p)[0], tf.shape(x)[1]]))
            for x, p in pairs
        ]
        restricted._rest = [self._to_corners(others)]
        return restricted

    def _filter(self, arrays):
        """Filters [n, K] a shard, on top of [M, K] that is spread already, if given."""
        values, rest = arrays[:SHARDS], arrays[SHARDS:]
        parts = self._blur(tf.add_n([self._to_corners(values), *rest]))
        pairs = zip(parts, self._learned, strict=True)
        return self._from_corners([p if w is None else [x * w for x in p] for p, w in pairs])

    def _sums(self, gains):
        """Every pixel's sum of every kernel: [n, kernels] a shard."""
        ones = [tf.ones([matrix.shape[0], 1]) for matrix in self._spread]
        pairs = zip(self._blur(self._to_corners(ones)), np.diag(gains), strict=True)
        return self._from_corners([[x * row for x in parts] for parts, row in pairs])

    def _to_corners(self, values):
        pairs = zip(self._spread, values, strict=True)
        return tf.add_n([multiply(matrix, shard, transpose=True) for matrix, shard in pairs])

    def _from_corners(self, parts):
        corners = tf.concat(list(itertools.chain(*parts)), axis=0)
        return [multiply(matrix, corners) for matrix in self._read]

    def _blur(self, corners):
        """Mixes every corner with half of each neighbour, axis by axis; parts a lattice."""
        sizes = itertools.chain(*self._sizes)
        parts = iter(tf.split(corners, list(sizes)))
        blurred = []
        for matrices, sizes in zip(self._edges, self._sizes, strict=True):
            own = [next(parts) for _ in sizes]
            for matrix in matrices:
                forth = multiply(matrix, own[-1])
                back = multiply(matrix, own[0], transpose=True)
                own = [tf.add_n(x) for x in _beside(own, forth, back)]
            blurred.append(own)
        return blurred


def _beside(parts, forth, back):
    if len(parts) == 1:
        return [[*parts, forth, back]]
    return [[parts[0], forth], [parts[1], back]]


def _pixel_matrices(lattices) -> list[SparseMatrix]:
    """Returns the matrices [n, M] of the shards, from the corners of all lattices to pixels."""
    corners, weights, size = [], [], tf.zeros([], tf.int32)
    for lattice in lattices:
        corners += [numbers + size for numbers in lattice.corners]
        weights += lattice.weights
        size += tf.add_n(lattice.sizes)
    corners, weights = (zip(*map(cut, x), strict=True) for x in (corners, weights))
    matrices = []
    for numbers, values in zip(corners, weights, strict=True):
        count = tf.shape(values[0])[0]
        rows = tf.range(count)
        indices = interleave([x for column in numbers for x in (rows, column)])
        values = tf.reshape(interleave(values), [-1])
        matrices.append(sparse_matrix(tf.reshape(indices, [-1, 2]), values, count, size))
    return matrices


def _edge_matrices(lattice: Lattice) -> list[SparseMatrix]:
    first, last = lattice.sizes[0], lattice.sizes[-1]
    return [
        sparse_matrix(edges, tf.fill([tf.shape(edges)[0]], 0.5), first, last)
        for edges in lattice.edges
    ]


def _scaled(matrices, factors, kernel_of) -> list[SparseMatrix]:
    """Multiplies every pixel's entries with its factor [n, kernels] of the entry's kernel."""
    scaled = []
    for matrix, factor in zip(matrices, factors, strict=True):
        values = tf.reshape(matrix.values, [-1, len(kernel_of)])
        values *= tf.gather(factor, kernel_of, axis=1)
        scaled.append(matrix._replace(values=tf.reshape(values, [-1])))
    return scaled


def _take_rows(matrix: SparseMatrix, rows, degree: int) -> SparseMatrix:
    """Keeps some rows of a matrix that has `degree` entries in each."""
    count = tf.shape(rows)[0]
    columns = tf.gather(tf.reshape(matrix.indices[:, 1], [-1, degree]), rows)
    indices = tf.stack([tf.repeat(tf.range(count), degree), tf.reshape(columns, [-1])], axis=1)
    values = tf.reshape(tf.gather(tf.reshape(matrix.values, [-1, degree]), rows), [-1])
    return sparse_matrix(indices, values, count, tf.cast(matrix.shape[1], tf.int32))


def _by_columns(function, arrays):
    """Calls a function of arrays [., K] with some columns of all at a time."""
    columns = tf.shape(arrays[0])[1]
    groups = (columns + _GROUP - 1) // _GROUP
    done = [tf.TensorArray(tf.float32, groups, infer_shape=False) for _ in range(SHARDS)]

    def step(i, done):
        parts = function([array[:, i * _GROUP : (i + 1) * _GROUP] for array in arrays])
        return i + 1, [x.write(i, tf.transpose(part)) for x, part in zip(done, parts, strict=True)]

    _, done = tf.while_loop(
        lambda i, _: i < groups, step, (tf.constant(0), done), parallel_iterations=1
    )
    return [tf.transpose(tf.reshape(x.concat(), [columns, -1])) for x in done]
