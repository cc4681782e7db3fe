"""Products of a sparse and a dense matrix, many times with the same sparse one."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

# TensorFlow's kernel for the CPU takes eight times as long from this many dense columns on.
WIDE = 32
# Columns that are taken at a time then.
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


def sparse_matrix(indices, values, rows, columns) -> SparseMatrix:
    """Returns the matrix with `rows` and `columns` as int32 scalars."""
    return SparseMatrix(indices, values, tf.cast(tf.stack([rows, columns]), tf.int64))


def rows_matrix(columns, values, size) -> SparseMatrix:
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


def in_groups(function, values):
    """Calls a function of [N, K] that returns such a matrix, with some columns at a time if WIDE.

    Args:
        function: treats columns alike.
        values: [N, K].
    """
    return tf.cond(
        tf.shape(values)[1] < WIDE, lambda: function(values), lambda: _by_columns(function, values)
    )


def _by_columns(function, values):
    columns = tf.shape(values)[1]
    groups = (columns + _GROUP - 1) // _GROUP
    done = tf.TensorArray(tf.float32, groups, infer_shape=False)

    def step(i, done):
        part = function(values[:, i * _GROUP : (i + 1) * _GROUP])
        return i + 1, done.write(i, tf.transpose(part))

    _, done = tf.while_loop(
        lambda i, _: i < groups, step, (tf.constant(0), done), parallel_iterations=1
    )
    return tf.transpose(tf.reshape(done.concat(), [columns, -1]))
