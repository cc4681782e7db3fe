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
    pairs = pack_pairs(tf.range(count), tf.stack(columns))
    # Transposing is faster than tf.stack on axis 1; of integers oneDNN would print that it cannot.
    pairs = tf.transpose(tf.bitcast(pairs, tf.float64))
    indices = unpack_pairs(tf.bitcast(pairs, tf.int64))
    values = tf.transpose(tf.stack(values))
    return sparse_matrix(tf.reshape(indices, [-1, 2]), tf.reshape(values, [-1]), count, size)


def pack_pairs(first, last):
    """Packs two int32 arrays of the same or a broadcast shape into one int64 array."""
    return tf.cast(first, tf.int64) + tf.cast(last, tf.int64) * 2**32


def unpack_pairs(pairs):
    """Returns int32 [..., 2]; without a copy, since TensorFlow runs on little-endian machines."""
    return tf.bitcast(pairs, tf.int32)


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
            # XLA, which has no kernel for this, shows the name to whoever asked for it.
            name="DenseCRF_needs_jit_compile_False",
        )
        return result, lambda d_result: multiply(matrix, d_result, not transpose)

    return product(dense)
