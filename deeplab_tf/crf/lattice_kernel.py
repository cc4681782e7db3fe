"""A Gaussian kernel on a permutohedral lattice."""

from __future__ import annotations

import copy
import itertools

import tensorflow as tf

from deeplab_tf.crf.normalization import normalizers
from deeplab_tf.crf.permutohedral import Lattice
from deeplab_tf.crf.shards import cut
from deeplab_tf.crf.sparse import (
    SparseMatrix,
    multiply,
    pack_pairs,
    rows_matrix,
    sparse_matrix,
    unpack_pairs,
)


class LatticeKernel:
    """How a weighted kernel spreads values to corners, blurs them and reads them.

    Args:
        lattice: of the pixels.
        weight: of the kernel; a tensor can be learned.
        normalization: as in `CrfParameters`.

    Attributes:
        corners: as in `Lattice`.
        sizes: as in `Lattice`.
        weights: d + 1 float32 [N], by which a pixel multiplies its blurred corners.
    """

    def __init__(self, lattice: Lattice, weight, normalization: str):
        self.corners, self.sizes = lattice.corners, lattice.sizes
        self._edges = [_edges_matrix(edges, self.sizes) for edges in lattice.edges]
        self._spread_weights, self._learned = lattice.weights, None
        # The blurs add up to such a factor along a line of points.
        gain = 1 / (1 + 2.0 ** (1 - len(lattice.edges)))
        before, after = normalizers(gain * self._sums(), normalization)
        if before is not None:
            self._spread_weights = [w * before for w in lattice.weights]
            self._matrices = self._spread_matrices()
        if isinstance(weight, float):
            gain *= weight
        else:
            self._learned = weight
        factor = gain if after is None else gain * after
        self.weights = [w * factor for w in lattice.weights]

    def restrict(self, points) -> tuple[LatticeKernel, list[tf.Tensor]]:
        """Returns the kernel of some pixels, and of their corners and those corners' neighbours.

        What goes from pixel to pixel over other corners is lost.

        Args:
            points: int32 [P].

        Returns:
            The kernel, and for each part int64 [m], its corners.
        """
        restricted, parts = copy.copy(self), len(self.sizes)
        corners, restricted.weights, restricted._spread_weights = (
            [tf.gather(column, points) for column in columns]
            for columns in (self.corners, self.weights, self._spread_weights)
        )
        touched = [
            _is_among(tf.concat(corners[part::parts], axis=0), size)
            for part, size in enumerate(self.sizes)
        ]
        is_kept = self._with_neighbours(touched)
        kept = [tf.where(is_one)[:, 0] for is_one in is_kept]
        numbers = [tf.cumsum(tf.cast(is_one, tf.int32)) - 1 for is_one in is_kept]
        restricted.sizes = sizes = [tf.size(places, tf.int32) for places in kept]
        restricted.corners = [tf.gather(numbers[r % parts], c) for r, c in enumerate(corners)]
        restricted._edges = [
            _edges_matrix(_renumber(matrix.indices, is_kept, numbers), sizes)
            for matrix in self._edges
        ]
        restricted._matrices = restricted._spread_matrices()
        return restricted, kept

    def spread(self, values):
        """Spreads the values [N, K] of the pixels: [M, K] a part."""
        if len(self.sizes) == 2:  # enough for two cores to do
            return [multiply(matrix, values, transpose=True) for matrix in self._matrices]
        pairs = zip(self._matrices, cut(values), strict=True)
        return [tf.add_n([multiply(matrix, x, transpose=True) for matrix, x in pairs])]

    def blur(self, parts):
        """Mixes every corner with half of each neighbour, axis by axis."""
        for matrix in self._edges:
            forth = multiply(matrix, parts[-1])
            back = multiply(matrix, parts[0], transpose=True)
            if len(parts) == 1:
                parts = [tf.add_n([*parts, forth, back])]
            else:
                parts = [parts[0] + forth, parts[1] + back]
        return parts if self._learned is None else [self._learned * part for part in parts]

    def _with_neighbours(self, touched):
        """Returns which corners of each part are touched, bool, or neighbours of such ones."""
        near = ones = [tf.cast(is_touched, tf.float32)[:, None] for is_touched in touched]
        for matrix in self._edges:
            forth, back = multiply(matrix, ones[-1]), multiply(matrix, ones[0], transpose=True)
            near = [near[0] + forth, *near[1:]]
            near[-1] += back
        return [one[:, 0] > 0 for one in near]

    def _spread_matrices(self):
        """Returns the matrices [N, M] of the parts, or [n, M] of the shards if there is one."""
        columns = self.corners, self._spread_weights
        if len(self.sizes) == 2:
            pieces = [[x[i::2] for x in columns] for i in range(2)]
        else:
            pieces = zip(*(zip(*map(cut, x), strict=True) for x in columns), strict=True)
        sizes = itertools.cycle(self.sizes)
        return [rows_matrix(*piece, size) for piece, size in zip(pieces, sizes, strict=False)]

    def _sums(self):
        """Every pixel's sum of the kernel, but for a factor: [N]."""
        weights = self._spread_weights
        self._matrices = self._spread_matrices()
        spread = self.spread(tf.ones([tf.size(weights[0]), 1]))
        parts = [part[:, 0] for part in self.blur(spread)]
        pairs = enumerate(zip(self.corners, weights, strict=True))
        return tf.add_n([w * tf.gather(parts[r % len(parts)], c) for r, (c, w) in pairs])


def _edges_matrix(edges, sizes) -> SparseMatrix:
    return sparse_matrix(edges, tf.fill([tf.shape(edges)[0]], 0.5), sizes[0], sizes[-1])


def _is_among(numbers, size):
    """Returns bool [size], which of 0..size-1 are among the numbers, int32 [n]."""
    return tf.scatter_nd(numbers[:, None], tf.ones_like(numbers), [size]) > 0


def _renumber(edges, is_kept, numbers):
    """Returns the edges int32 [e, 2] between kept corners, with their new numbers."""
    first, last = edges[:, 0], edges[:, 1]
    exist = tf.where(tf.gather(is_kept[0], first) & tf.gather(is_kept[-1], last))[:, 0]
    first, last = tf.gather(first, exist), tf.gather(last, exist)
    return unpack_pairs(pack_pairs(tf.gather(numbers[0], first), tf.gather(numbers[-1], last)))
