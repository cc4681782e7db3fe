"""A Gaussian kernel on a permutohedral lattice."""

from __future__ import annotations

import copy
import itertools

import tensorflow as tf

from deeplab_tf.crf.normalization import normalizers
from deeplab_tf.crf.permutohedral import Lattice
from deeplab_tf.crf.shards import cut
from deeplab_tf.crf.sparse import multiply, rows_matrix, sparse_matrix


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
        self._edges = [
            sparse_matrix(edges, tf.fill([tf.shape(edges)[0]], 0.5), self.sizes[0], self.sizes[-1])
            for edges in lattice.edges
        ]
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

    def take(self, points) -> LatticeKernel:
        """Returns the kernel of some pixels, int32 [P], and all corners."""
        taken = copy.copy(self)
        taken.corners, taken.weights, taken._spread_weights = (
            [tf.gather(column, points) for column in columns]
            for columns in (self.corners, self.weights, self._spread_weights)
        )
        taken._matrices = taken._spread_matrices()
        return taken

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
