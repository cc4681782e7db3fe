"""A Gaussian kernel on a permutohedral lattice: splat, blur, slice."""

from __future__ import annotations

import copy
from collections.abc import Callable

import tensorflow as tf

from deeplab_tf.crf.lattice.build_lattice import Lattice
from deeplab_tf.crf.lattice.pixel_shards import SHARDS, cut
from deeplab_tf.crf.lattice.restriction import restrict_lattice
from deeplab_tf.crf.lattice.sparse import (
    WIDE,
    SparseMatrix,
    in_groups,
    multiply,
    rows_matrix,
    sparse_matrix,
)
from deeplab_tf.crf.normalization import normalizers


class LatticeKernel:
    """Filters the pixels' values with a weighted, normalised Gaussian.

    A sparse product runs on one core. So that all cores take part, every part of the lattice has
    matrices of its own between pixels and vertices, one for each shard of the pixels.

    Args:
        lattice: of the pixels.
        weight: of the kernel; a tensor can be learned.
        normalization: as in `CrfParameters`.
        columns: the most values that a pixel will have, if known.

    Source: Adams, Baek and Davis 2010, section 3; permutohedral.cpp of Krähenbühl and Koltun.
    """

    def __init__(
        self,
        lattice: Lattice,
        weight: float | tf.Tensor,
        normalization: str,
        columns: int | None = None,
    ):
        self._vertices, self._sizes = lattice.vertices, lattice.sizes
        self._edges = _edges_matrices(lattice.edges, self._sizes)
        self._is_narrow, self._learned = columns is not None and columns < WIDE, None
        self._splat_weights = lattice.weights
        self._splat_matrices = self._slice_matrices = _matrices(
            self._vertices, lattice.weights, self._sizes
        )
        # The blurs of all axes multiply a line of points by such a factor.
        gain = 1 / (1 + 2.0 ** (1 - len(lattice.edges)))
        ones = tf.ones([tf.shape(self._vertices[0])[0], 1])
        before, after = normalizers(gain * tf.add_n(self._filter(ones)), normalization)
        if before is not None:
            self._splat_weights = [weights * before for weights in lattice.weights]
            self._splat_matrices = _reweighted(self._splat_matrices, self._splat_weights)
        if isinstance(weight, float):
            gain *= weight
        else:
            self._learned = weight
        factor = gain if after is None else gain * after
        self._slice_weights = [weights * factor for weights in lattice.weights]
        self._slice_matrices = _reweighted(self._slice_matrices, self._slice_weights)

    def __call__(self, values: tf.Tensor) -> list[tf.Tensor]:
        """Filters [N, K]; returns tensors [N, K] whose sum is the result."""
        return self._in_groups(self._filter, values)

    def restrict(
        self, points: tf.Tensor, is_point: tf.Tensor, values: tf.Tensor
    ) -> tuple[list[tf.Tensor], LatticeKernel]:
        """Filters all pixels' values for some pixels only, and makes the kernel between these.

        That kernel has these pixels' vertices and those vertices' neighbours; what goes from pixel
        to pixel over other vertices is lost.

        Args:
            points: int32 [P], the pixels.
            is_point: bool [N], the same.
            values: [N, K].

        Returns:
            Tensors [P, K] whose sum is the result at these pixels, and the kernel.
        """
        vertices, splat_weights, slice_weights = (
            [tf.gather(rows, points) for rows in parts]
            for parts in (self._vertices, self._splat_weights, self._slice_weights)
        )
        kept, vertices, edges, sizes = restrict_lattice(vertices, self._edges, self._sizes)
        restricted = copy.copy(self)
        restricted._edges = _edges_matrices(edges, sizes)
        restricted._splat_matrices = _matrices(vertices, splat_weights, sizes)
        restricted._slice_matrices = _reweighted(restricted._splat_matrices, slice_weights)

        def filter_at_points(values: tf.Tensor) -> list[tf.Tensor]:
            blurred = self.blur(self.splat(values))
            return restricted.slice([
                tf.gather(*part) for part in zip(blurred, kept, strict=True)
            ])  # fmt: skip

        return self._in_groups(filter_at_points, values), restricted

    # === The three steps ===

    def splat(self, values: tf.Tensor) -> list[tf.Tensor]:
        """Adds the values [N, K] of the pixels to their vertices: for every part [M, K]."""
        return [
            tf.add_n([
                multiply(matrix, rows, transpose=True)
                for matrix, rows in zip(shards, cut(values, len(shards)), strict=True)
            ])
            for shards in self._splat_matrices
        ]  # fmt: skip

    def blur(self, parts: list[tf.Tensor]) -> list[tf.Tensor]:
        """Adds half of each neighbour to every vertex, axis by axis."""
        for matrix in self._edges:
            forth = multiply(matrix, parts[-1])
            back = multiply(matrix, parts[0], transpose=True)
            if len(parts) == 1:
                parts = [tf.add_n([*parts, forth, back])]
            else:
                parts = [parts[0] + forth, parts[1] + back]
        return parts if self._learned is None else [self._learned * part for part in parts]

    def slice(self, parts: list[tf.Tensor]) -> list[tf.Tensor]:
        """Reads the values [M, K] of the vertices at the pixels: for every part [N, K]."""
        return [
            tf.concat([multiply(matrix, part) for matrix in shards], axis=0)
            for shards, part in zip(self._slice_matrices, parts, strict=True)
        ]

    def _filter(self, values: tf.Tensor) -> list[tf.Tensor]:
        return self.slice(self.blur(self.splat(values)))

    def _in_groups(
        self, function: Callable[[tf.Tensor], list[tf.Tensor]], values: tf.Tensor
    ) -> list[tf.Tensor]:
        if self._is_narrow:
            return function(values)
        return [in_groups(lambda part: tf.add_n(function(part)), values)]


def _matrices(
    vertices: list[tf.Tensor], weights: list[tf.Tensor], sizes: list[tf.Tensor]
) -> list[list[SparseMatrix]]:
    """Returns for every part the matrices [n, M] of the shards, from its vertices to pixels."""
    count = max(1, SHARDS // len(sizes))
    return [
        [
            rows_matrix(columns, values, size)
            for columns, values in zip(cut(places, count), cut(own, count), strict=True)
        ]
        for places, own, size in zip(vertices, weights, sizes, strict=True)
    ]


def _reweighted(
    matrices: list[list[SparseMatrix]], weights: list[tf.Tensor]
) -> list[list[SparseMatrix]]:
    """Returns the matrices with other weights, for every part [N, k]."""
    return [
        [
            matrix._replace(values=tf.reshape(rows, [-1]))
            for matrix, rows in zip(shards, cut(part, len(shards)), strict=True)
        ]
        for shards, part in zip(matrices, weights, strict=True)
    ]


def _edges_matrices(edges: list[tf.Tensor], sizes: list[tf.Tensor]) -> list[SparseMatrix]:
    """Returns for every axis the matrix of its edges, which carry a half."""
    return [
        sparse_matrix(pairs, tf.fill([tf.shape(pairs)[0]], 0.5), sizes[0], sizes[-1])
        for pairs in edges
    ]
