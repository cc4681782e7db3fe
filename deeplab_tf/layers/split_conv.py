"""Convolution of stride 1 that computes a single image as its upper and lower half.

On some CPUs, TensorFlow's convolution of one image by a large kernel takes longer than that of each
of two images (`compat.one_image_is_slow`); the two halves as a batch avoid that. Whoever knows that
there is one image says so by a static batch size of 1, as `Predictor` does.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import time
from collections.abc import Callable, Iterator

import tensorflow as tf

from deeplab_tf import compat

# Channels in and out from which two halves can be faster than one image (docs/benchmarks.md).
_WIDE = 256
# As halves a convolution has to be so many times as fast. It is on Intel's processors with AMX, and
# slower on AMD's fourth generation of EPYC (docs/benchmarks.md).
_LEAST_GAIN = 1.3
_splitting = contextvars.ContextVar("splitting", default=True)


@contextlib.contextmanager
def without_splitting() -> Iterator[None]:
    """Has `split_conv2d` convolve single images as a whole, for graphs that others will run."""
    token = _splitting.set(False)
    try:
        yield
    finally:
        _splitting.reset(token)


def split_conv2d(
    inputs: tf.Tensor, kernel: tf.Tensor, rate: int, padding: tuple[int, int]
) -> tf.Tensor:
    """Convolves with stride 1, a single image as two halves where that is faster.

    Args:
        inputs: [B, H, W, C].
        kernel: [k, k, C, filters].
        rate: distance of two taps in pixels.
        padding: zeros before and after each side, together `(k - 1) * rate`.

    Returns:
        Tensor [B, H, W, filters].
    """
    if _is_split(inputs, kernel):
        return _conv2d_of_halves(inputs, kernel, rate, padding)
    if padding[0] == padding[1]:
        return tf.nn.conv2d(inputs, kernel, 1, "SAME", dilations=rate)
    padded = tf.pad(inputs, [[0, 0], padding, padding, [0, 0]])
    return tf.nn.conv2d(padded, kernel, 1, "VALID", dilations=rate)


def _is_split(inputs: tf.Tensor, kernel: tf.Tensor) -> bool:
    is_wide = kernel.shape[0] > 1 and min(kernel.shape[2:]) >= _WIDE
    # In 16 bits the halves cost more than they gain.
    may_be = inputs.shape[0] == 1 and inputs.dtype == tf.float32 and is_wide and _splitting.get()
    return may_be and compat.one_image_is_slow() and halves_gain() >= _LEAST_GAIN


@functools.cache
def halves_gain() -> float:
    """Measures how many times as fast this processor convolves one image as two halves.

    Takes a quarter of a second, once a process.
    """
    # While a graph is being built, too.
    with tf.init_scope(), tf.device("CPU"):
        inputs, kernel = tf.ones([1, 33, 33, 512]), tf.ones([3, 3, 512, 512])
        calls = [
            tf.function(lambda: tf.nn.conv2d(inputs, kernel, 1, "SAME", dilations=4)),
            tf.function(lambda: _conv2d_of_halves(inputs, kernel, 4, (4, 4))),
        ]
        rounds = [[_seconds(call) for call in calls] for _ in range(4)]
    whole, halves = map(min, zip(*rounds[1:], strict=True))  # in the first they are traced
    return whole / halves


def _seconds(call: Callable[[], tf.Tensor]) -> float:
    start = time.perf_counter()
    call().numpy()
    return time.perf_counter() - start


def _conv2d_of_halves(
    inputs: tf.Tensor, kernel: tf.Tensor, rate: int, padding: tuple[int, int]
) -> tf.Tensor:
    height, width = tf.unstack(tf.shape(inputs)[1:3])
    half = (height + 1) // 2
    below = padding[1] + 2 * half - height
    padded = tf.pad(inputs, [[0, 0], (padding[0], below), padding, [0, 0]])
    halves = tf.concat([padded[:, : half + sum(padding)], padded[:, half:]], axis=0)
    outputs = tf.nn.conv2d(halves, kernel, 1, "VALID", dilations=rate)
    outputs = tf.reshape(outputs, [1, 2 * half, width, kernel.shape[-1]])[:, :height]
    return tf.ensure_shape(outputs, [*inputs.shape[:3], kernel.shape[-1]])
