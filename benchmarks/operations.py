"""Times single operations in bfloat16 where this library does not take TensorFlow's.

Sizes are those of two crops of 321x321 at an output stride of 8.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from benchmarks.timing import time_in_turn
from deeplab_tf.layers.atrous_conv import native_atrous_conv


class Operation(NamedTuple):
    """A convolution, and what of it is timed.

    Attributes:
        name: for the table.
        taps: along a side of the kernel.
        rate: distance of two taps in pixels.
        channels: of the input.
        filters: channels of the output.
        gradient: whether its kernel's gradient is timed, in place of the convolution.
    """

    name: str
    taps: int
    rate: int
    channels: int
    filters: int
    gradient: bool


OPERATIONS = (
    Operation("gradient of a 1x1 kernel, 1024 to 256 channels", 1, 1, 1024, 256, True),
    Operation("gradient of a 1x1 kernel, 512 to 2048 channels", 1, 1, 512, 2048, True),
    Operation("3x3 of rate 12, 2048 to 21 channels", 3, 12, 2048, 21, False),
)
BATCH, SIDE = 2, 41


def run(repeats: int, side: int = SIDE) -> dict:
    """Times all forms of every operation in turn and prints them.

    Args:
        repeats: rounds of which the median counts.
        side: of the maps.

    Returns:
        Rows of seconds by precision and form.
    """
    rows = []
    for operation in OPERATIONS:
        calls = {
            f"{precision}, {form}": _call(operation, convolve, precision, side)
            for precision, form, convolve in FORMS
        }
        rows.append({"operation": operation.name, "seconds": time_in_turn(calls, repeats)})
        times = "".join(f"  {name} {1e3 * t:.1f} ms" for name, t in rows[-1]["seconds"].items())
        print(f"{operation.name}:{times}", flush=True)
    return {"rows": rows}


def _theirs(inputs: tf.Tensor, kernel: tf.Tensor, rate: int) -> tf.Tensor:
    return tf.nn.conv2d(inputs, kernel, 1, "SAME", dilations=rate)


FORMS = (
    ("float32", "TensorFlow", _theirs),
    ("bfloat16", "TensorFlow", _theirs),
    ("bfloat16", "deeplab_tf", native_atrous_conv),
)


def _call(operation: Operation, convolve: Callable, precision: str, side: int) -> Callable:
    taps, channels, filters = operation.taps, operation.channels, operation.filters
    inputs = tf.cast(tf.random.normal([BATCH, side, side, channels]), precision)
    kernel = tf.cast(tf.random.normal([taps, taps, channels, filters]), precision)
    upstream = tf.cast(tf.random.normal([BATCH, side, side, filters]), precision)

    @tf.function(autograph=False)
    def compute(inputs: tf.Tensor, kernel: tf.Tensor, upstream: tf.Tensor) -> tf.Tensor:
        if not operation.gradient:
            return convolve(inputs, kernel, operation.rate)
        with tf.GradientTape() as tape:
            tape.watch(kernel)
            outputs = convolve(inputs, kernel, operation.rate)
        return tape.gradient(outputs, kernel, upstream)

    return lambda: tf.cast(compute(inputs, kernel, upstream), tf.float32).numpy()
