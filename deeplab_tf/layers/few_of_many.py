"""Atrous convolution of many channels to few, such as a classifier's, as one matrix product.

oneDNN's convolutions in bfloat16 are slower than those in float32 where there are few filters. The
products of all pixels with all taps are one product of large matrices, which is not, and it gives
so few numbers that shifting and adding them costs little.
"""

from __future__ import annotations

from collections.abc import Iterator

import tensorflow as tf


def convolve(
    inputs: tf.Tensor, kernel: tf.Tensor, rate: int, padding: tuple[int, int]
) -> tf.Tensor:
    """Convolves with stride 1.

    Args:
        inputs: [B, H, W, C].
        kernel: [k, k, C, filters].
        rate: distance of two taps in pixels.
        padding: zeros before and after each side, together `(k - 1) * rate`.

    Returns:
        Tensor [B, H, W, filters]; taps are added in float32.
    """
    size, _, channels, filters = kernel.shape
    taps = tf.reshape(tf.transpose(kernel, [2, 0, 1, 3]), [channels, -1])
    products = tf.cast(tf.tensordot(inputs, taps, 1), tf.float32)
    height, width = tf.unstack(tf.shape(inputs)[1:3])
    padded = tf.pad(products, [[0, 0], padding, padding, [0, 0]])
    seen = [
        padded[:, row : row + height, column : column + width, i * filters : (i + 1) * filters]
        for i, (row, column) in enumerate(_places(size, rate))
    ]
    return tf.ensure_shape(tf.cast(tf.add_n(seen), inputs.dtype), [*inputs.shape[:3], filters])


def kernel_gradient(
    inputs: tf.Tensor, upstream: tf.Tensor, size: int, rate: int, padding: tuple[int, int]
) -> tf.Tensor:
    """Returns the gradient of the kernel of `convolve`.

    Args:
        inputs: as there.
        upstream: gradient of its outputs, [B, H, W, filters].
        size: taps along a side.
        rate: as there.
        padding: as there.

    Returns:
        Tensor [k, k, C, filters].
    """
    height, width = tf.unstack(tf.shape(inputs)[1:3])
    padded = tf.pad(upstream, [[0, 0], padding[::-1], padding[::-1], [0, 0]])
    total = sum(padding)
    # What a tap has seen of the inputs is for the inputs what stands on the other side of it.
    shifted = [
        padded[:, total - row : total - row + height, total - column : total - column + width]
        for row, column in _places(size, rate)
    ]
    filters, channels = upstream.shape[-1], inputs.shape[-1]
    flat_shifted = tf.reshape(tf.concat(shifted, axis=-1), [-1, size * size * filters])
    flat_inputs = tf.reshape(inputs, [-1, channels])
    gradient = tf.matmul(flat_inputs, flat_shifted, transpose_a=True)
    return tf.transpose(tf.reshape(gradient, [channels, size, size, filters]), [1, 2, 0, 3])


def _places(size: int, rate: int) -> Iterator[tuple[int, int]]:
    """Yields row and column of every tap."""
    for row in range(0, size * rate, rate):
        for column in range(0, size * rate, rate):
            yield row, column
