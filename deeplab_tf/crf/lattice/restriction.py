"""Restricts a lattice to what some of its points need."""

from __future__ import annotations

import tensorflow as tf

from deeplab_tf.crf.lattice.sparse import SparseMatrix, multiply, pack_pairs, unpack_pairs


def restrict_lattice(
    vertices: list[tf.Tensor], edges: list[SparseMatrix], sizes: list[tf.Tensor]
) -> tuple[list[tf.Tensor], list[tf.Tensor], list[tf.Tensor], list[tf.Tensor]]:
    """Keeps the vertices of some points and their neighbours, and numbers them anew.

    Args:
        vertices: for every part int32 [P, k], the points' vertices.
        edges: for every axis the matrix between the first and the last part.
        sizes: for every part an int32 scalar, how many vertices it has.

    Returns:
        For every part int64 [m], the kept vertices' old numbers; `vertices` with new numbers; for
        every axis int32 [e, 2], the edges between kept vertices with new numbers; and the new
        `sizes`.
    """
    touched = [_is_among(*part) for part in zip(vertices, sizes, strict=True)]
    is_kept = _with_neighbours(touched, edges)
    kept = [tf.where(is_one)[:, 0] for is_one in is_kept]
    numbers = [tf.cumsum(tf.cast(is_one, tf.int32)) - 1 for is_one in is_kept]
    sizes = [tf.size(places, tf.int32) for places in kept]
    vertices = [tf.gather(*part) for part in zip(numbers, vertices, strict=True)]
    return kept, vertices, [_renumber(one.indices, is_kept, numbers) for one in edges], sizes


def _is_among(numbers: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Returns bool [size], which of 0..size-1 are among the numbers, int32 of any shape."""
    numbers, no_weights = tf.reshape(numbers, [-1]), tf.zeros([0], tf.int32)
    return tf.raw_ops.DenseBincount(input=numbers, size=size, weights=no_weights) > 0


def _with_neighbours(touched: list[tf.Tensor], edges: list[SparseMatrix]) -> list[tf.Tensor]:
    """Returns which vertices of each part are touched, bool [M], or neighbours of such ones."""
    near = ones = [tf.cast(is_touched, tf.float32)[:, None] for is_touched in touched]
    for matrix in edges:
        forth, back = multiply(matrix, ones[-1]), multiply(matrix, ones[0], transpose=True)
        near = [near[0] + forth, *near[1:]]
        near[-1] += back
    return [one[:, 0] > 0 for one in near]


def _renumber(edges: tf.Tensor, is_kept: list[tf.Tensor], numbers: list[tf.Tensor]) -> tf.Tensor:
    """Returns the edges int32 [e, 2] between kept vertices, with their new numbers."""
    first, last = edges[:, 0], edges[:, 1]
    exist = tf.where(tf.gather(is_kept[0], first) & tf.gather(is_kept[-1], last))[:, 0]
    first, last = tf.gather(first, exist), tf.gather(last, exist)
    return unpack_pairs(pack_pairs(tf.gather(numbers[0], first), tf.gather(numbers[-1], last)))
