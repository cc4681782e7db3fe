"""Products of a sparse and a dense matrix, many times with the same sparse one."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

# TensorFlow's kernel for the CPU takes eight times as long from this many dense columns on.
WIDE = 32


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


def sparse_matrix(indices, values, rows, columns) -> SparseMatrix:
    """Returns the matrix with `rows` and `columns` as int32 scalars."""
    return SparseMatrix(indices, values, tf.cast(tf.stack([rows, columns]), tf.int64))


def rows_matrix(columns, values, size) -> SparseMatrix:
    """Returns the matrix [n, size] whose rows all have as many entries.

    Args:
        columns: int32 [n], the columns of every row's first entry, second entry, ...
        values: float32 [n] likewise.
        size: int32 scalar, number of columns.
    """
    count = tf.size(columns[0])
    rows = tf.range(count)
    indices = interleave([x for column in columns for x in (rows, column)])
    return sparse_matrix(
        tf.reshape(indices, [-1, 2]), tf.reshape(interleave(values), [-1]), count, size
    )


def interleave(columns):
    """Puts vectors [n] side by side: [n, columns]; `tf.stack` would copy number by number."""
    return tf.transpose(tf.stack(columns))


def multiply(matrix: SparseMatrix, dense, transpose: bool = False):
    """Multiplies the matrix, or its transpose, with a dense one [columns, K].

    Gradients pass to the dense matrix alone.
    """

    @tf.custom_gradient
    def product(dense):
        result = tf.raw_ops.SparseTensorDenseMatMul(
            a_indices=matrix.indices,
            a_values=matrix.values,
            a_shape=matrix.shape,
            b=dense,
            adjoint_a=transpose,
        )
        return result, lambda d_result: multiply(matrix, d_result, not transpose)

    return product(dense)
