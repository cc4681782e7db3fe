"""How long calls take, and how fast the machine multiplies."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import tensorflow as tf

# Side of the square matrices whose product tells what the machine can do, and how many products.
MATRIX, PRODUCTS = 2048, 10
# Of networks that are compared, rows of `deeplab_tf.precision.POLICIES`.
PRECISIONS = ("float32", "bfloat16")


def seconds_of(call: Callable[[], object]) -> float:
    """Calls a function and returns the seconds that it took."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def time_in_turn(forms: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Calls functions in turn, twice unmeasured; returns the median seconds of each."""
    for call in (*forms.values(), *forms.values()):
        call()
    rounds = [[seconds_of(call) for call in forms.values()] for _ in range(repeats)]
    medians = (statistics.median(times) for times in zip(*rounds, strict=True))
    return dict(zip(forms, medians, strict=True))


def matrix_products(precision: str) -> Callable[[], object]:
    """Returns a function that multiplies large square matrices `PRODUCTS` times."""
    operand = tf.cast(tf.random.normal([MATRIX, MATRIX]), precision)

    @tf.function(autograph=False)
    def multiply(operand: tf.Tensor) -> tf.Tensor:
        product = operand
        for _ in range(PRODUCTS):
            product = tf.matmul(product, operand) / MATRIX
        return product

    return lambda: multiply(operand).numpy()
