"""Multiplies dense matrices with a sparse one that stays the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

# TensorFlow's CPU kernel takes eight times as long for this many dense columns or more.
WIDE = 32
# Columns taken at a time then.
_GROUP = 24


class SparseMatrix(NamedTuple):
    """A matrix of E entries.

    Attributes:
        indices: int32 [E, 2], row and column; `tf.sparse` wants int64, which takes twice the
            memory and a third more time.
        values: float32 [E].
        shape: int64 [2].
    """

    indices: tf.Tensor
    values: tf.Tensor
    shape: tf.Tensor


def sparse_matrix(
    indices: tf.Tensor, values: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor
) -> SparseMatrix:
    """Returns the matrix with `rows` and `columns` as int32 scalars."""
    return SparseMatrix(indices, values, tf.cast(tf.stack([rows, columns]), tf.int64))


def rows_matrix(columns: tf.Tensor, values: tf.Tensor, size: tf.Tensor) -> SparseMatrix:
    """Returns the matrix [n, size] whose rows all have k entries.

    Args:
        columns: int32 [n, k], where they are.
        values: float32 [n, k].
        size: int32 scalar, number of columns.
    """
    count, entries = tf.unstack(tf.shape(columns))
    rows = tf.repeat(tf.range(count), entries)
    indices = unpack_pairs(pack_pairs(rows, tf.reshape(columns, [-1])))
    return sparse_matrix(indices, tf.reshape(values, [-1]), count, size)


def pack_pairs(first: tf.Tensor, last: tf.Tensor) -> tf.Tensor:
    """Packs two int32 arrays of the same or a broadcast shape into one int64 array."""
    return tf.cast(first, tf.int64) + tf.cast(last, tf.int64) * 2**32


def unpack_pairs(pairs: tf.Tensor) -> tf.Tensor:
    """Returns int32 [..., 2]; without a copy, since TensorFlow runs on little-endian machines."""
    return tf.bitcast(pairs, tf.int32)


def multiply(matrix: SparseMatrix, dense: tf.Tensor, transpose: bool = False) -> tf.Tensor:
    """Multiplies the matrix, or its transpose, with a dense one.

    Gradients pass to the dense matrix alone.

    Args:
        matrix: [R, S].
        dense: float32 [S, K], or [R, K] for the transpose.
        transpose: multiply the transposed matrix.

    Returns:
        Float32 [R, K], or [S, K] for the transpose.
    """

    @tf.custom_gradient
    def product(dense: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        result = tf.raw_ops.SparseTensorDenseMatMul(
            a_indices=matrix.indices,
            a_values=matrix.values,
            a_shape=matrix.shape,
            b=dense,
            adjoint_a=transpose,
            # XLA has no kernel for this; its error message shows the name.
            name="DenseCRF_needs_jit_compile_False",
        )
        return result, lambda d_result: multiply(matrix, d_result, not transpose)

    return product(dense)


def in_groups(function: Callable[[tf.Tensor], tf.Tensor], values: tf.Tensor) -> tf.Tensor:
    """Applies a function to some columns at a time where there are `WIDE` or more.

    Args:
        function: from [N, K] to [M, K], treats columns alike.
        values: float32 [N, K].

    Returns:
        Float32 [M, K], what the function gives for all columns.
    """
    return tf.cond(
        tf.shape(values)[1] < WIDE, lambda: function(values), lambda: _by_columns(function, values)
    )


def _by_columns(function: Callable[[tf.Tensor], tf.Tensor], values: tf.Tensor) -> tf.Tensor:
    columns = tf.shape(values)[1]
    groups = (columns + _GROUP - 1) // _GROUP
    done = tf.TensorArray(tf.float32, groups, infer_shape=False)

    def step(i: tf.Tensor, done: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
        part = function(values[:, i * _GROUP : (i + 1) * _GROUP])
        return i + 1, done.write(i, tf.transpose(part))

    _, done = tf.while_loop(
        lambda i, _: i < groups, step, (tf.constant(0), done), parallel_iterations=1
    )
    return tf.transpose(tf.reshape(done.concat(), [columns, -1]))
