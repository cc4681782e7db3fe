"""A Gaussian kernel on a permutohedral lattice."""

from __future__ import annotations

import copy

import tensorflow as tf

from deeplab_tf.crf.normalization import normalizers
from deeplab_tf.crf.permutohedral import Lattice
from deeplab_tf.crf.pixel_shards import SHARDS, cut
from deeplab_tf.crf.sparse import (
    WIDE,
    SparseMatrix,
    in_groups,
    multiply,
    pack_pairs,
    rows_matrix,
    sparse_matrix,
    unpack_pairs,
)


class LatticeKernel:
    """Spreads the pixels' values to corners, blurs them there and reads them back.

    A sparse product runs on one core. So that all cores take part, every part of the lattice has
    matrices of its own between pixels and corners, one a shard of the pixels.

    Args:
        lattice: of the pixels.
        weight: of the kernel; a tensor can be learned.
        normalization: as in `CrfParameters`.
        columns: the most values that a pixel will have, if known.
    """

    def __init__(self, lattice: Lattice, weight, normalization: str, columns: int | None = None):
        self._corners, self._sizes = lattice.corners, lattice.sizes
        self._edges = [_edges_matrix(edges, self._sizes) for edges in lattice.edges]
        self._is_narrow, self._learned = columns is not None and columns < WIDE, None
        self._spread_weights = lattice.weights
        self._spread = self._read = _matrices(self._corners, lattice.weights, self._sizes)
        # The blurs add up to such a factor along a line of points.
        gain = 1 / (1 + 2.0 ** (1 - len(lattice.edges)))
        ones = tf.ones([tf.shape(self._corners[0])[0], 1])
        before, after = normalizers(gain * tf.add_n(self._filter(ones)), normalization)
        if before is not None:
            self._spread_weights = [weights * before for weights in lattice.weights]
            self._spread = _reweighted(self._spread, self._spread_weights)
        if isinstance(weight, float):
            gain *= weight
        else:
            self._learned = weight
        factor = gain if after is None else gain * after
        self._read_weights = [weights * factor for weights in lattice.weights]
        self._read = _reweighted(self._read, self._read_weights)

    def __call__(self, values) -> list[tf.Tensor]:
        """Filters [N, K]; returns tensors [N, K] whose sum is the result."""
        return self._in_groups(self._filter, values)

    def restrict(self, points, is_point, values) -> tuple[list[tf.Tensor], LatticeKernel]:
        """Returns what some pixels read of [N, K], and the kernel from these pixels to the same.

        That kernel has these pixels' corners and those corners' neighbours; what goes from pixel to
        pixel over other corners is lost.

        Args:
            points: int32 [P].
            is_point: bool [N], the same.
            values: [N, K].

        Returns:
            Tensors [P, K] whose sum is what they read, and the kernel.
        """
        restricted = copy.copy(self)
        corners, spread_weights, read_weights = (
            [tf.gather(rows, points) for rows in parts]
            for parts in (self._corners, self._spread_weights, self._read_weights)
        )
        touched = [_is_among(*part) for part in zip(corners, self._sizes, strict=True)]
        is_kept = self._with_neighbours(touched)
        kept = [tf.where(is_one)[:, 0] for is_one in is_kept]
        numbers = [tf.cumsum(tf.cast(is_one, tf.int32)) - 1 for is_one in is_kept]
        sizes = [tf.size(places, tf.int32) for places in kept]
        corners = [tf.gather(*part) for part in zip(numbers, corners, strict=True)]
        restricted._edges = [
            _edges_matrix(_renumber(matrix.indices, is_kept, numbers), sizes)
            for matrix in self._edges
        ]
        restricted._spread = _matrices(corners, spread_weights, sizes)
        restricted._read = _reweighted(restricted._spread, read_weights)

        def read(values):
            blurred = self._blur(self._to_corners(values))
            return restricted._to_pixels(
                [tf.gather(*part) for part in zip(blurred, kept, strict=True)]
            )

        return self._in_groups(read, values), restricted

    def _in_groups(self, function, values) -> list[tf.Tensor]:
        if self._is_narrow:
            return function(values)
        return [in_groups(lambda part: tf.add_n(function(part)), values)]

    def _filter(self, values):
        return self._to_pixels(self._blur(self._to_corners(values)))

    def _to_corners(self, values):
        """Spreads [N, K]: [M, K] a part."""
        return [
            tf.add_n([
                multiply(matrix, rows, transpose=True)
                for matrix, rows in zip(shards, cut(values, len(shards)), strict=True)
            ])
            for shards in self._spread
        ]  # fmt: skip

    def _blur(self, parts):
        """Mixes every corner with half of each neighbour, axis by axis."""
        for matrix in self._edges:
            forth = multiply(matrix, parts[-1])
            back = multiply(matrix, parts[0], transpose=True)
            if len(parts) == 1:
                parts = [tf.add_n([*parts, forth, back])]
            else:
                parts = [parts[0] + forth, parts[1] + back]
        return parts if self._learned is None else [self._learned * part for part in parts]

    def _to_pixels(self, parts):
        """Reads [M, K] a part: for every part [N, K]."""
        return [
            tf.concat([multiply(matrix, part) for matrix in shards], axis=0)
            for shards, part in zip(self._read, parts, strict=True)
        ]

    def _with_neighbours(self, touched):
        """Returns which corners of each part are touched, bool, or neighbours of such ones."""
        near = ones = [tf.cast(is_touched, tf.float32)[:, None] for is_touched in touched]
        for matrix in self._edges:
            forth, back = multiply(matrix, ones[-1]), multiply(matrix, ones[0], transpose=True)
            near = [near[0] + forth, *near[1:]]
            near[-1] += back
        return [one[:, 0] > 0 for one in near]


def _matrices(corners, weights, sizes) -> list[list[SparseMatrix]]:
    """Returns for every part the matrices [n, M] of the shards, from its corners to pixels."""
    count = max(1, SHARDS // len(sizes))
    return [
        [rows_matrix(*rows, size) for rows in zip(*(cut(x, count) for x in part), strict=True)]
        for *part, size in zip(corners, weights, sizes, strict=True)
    ]


def _reweighted(matrices, weights) -> list[list[SparseMatrix]]:
    """Returns the matrices with other weights, [N, k] a part."""
    return [
        [
            matrix._replace(values=tf.reshape(rows, [-1]))
            for matrix, rows in zip(shards, cut(part, len(shards)), strict=True)
        ]
        for shards, part in zip(matrices, weights, strict=True)
    ]


def _edges_matrix(edges, sizes) -> SparseMatrix:
    return sparse_matrix(edges, tf.fill([tf.shape(edges)[0]], 0.5), sizes[0], sizes[-1])


def _is_among(numbers, size):
    """Returns bool [size], which of 0..size-1 are among the numbers, int32 of any shape."""
    numbers, no_weights = tf.reshape(numbers, [-1]), tf.zeros([0], tf.int32)
    return tf.raw_ops.DenseBincount(input=numbers, size=size, weights=no_weights) > 0


def _renumber(edges, is_kept, numbers):
    """Returns the edges int32 [e, 2] between kept corners, with their new numbers."""
    first, last = edges[:, 0], edges[:, 1]
    exist = tf.where(tf.gather(is_kept[0], first) & tf.gather(is_kept[-1], last))[:, 0]
    first, last = tf.gather(first, exist), tf.gather(last, exist)
    return unpack_pairs(pack_pairs(tf.gather(numbers[0], first), tf.gather(numbers[-1], last)))
