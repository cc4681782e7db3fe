"""The number format that a network computes in, by name or by what this machine is fast in."""

from __future__ import annotations

import functools
import time
from typing import NamedTuple

# Name -> Keras' policy. Variables, statistics of batch normalisation and logits stay float32.
POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}
PRECISIONS = ("auto", *POLICIES)
# `auto` gives up digits for no less than this.
LEAST_GAIN = 1.5


class Precision(NamedTuple):
    """A choice, and why.

    Attributes:
        name: a row of `POLICIES`.
        reason: for people.
    """

    name: str
    reason: str

    def __str__(self) -> str:
        return f"precision: {self.name} ({self.reason})"


def choose_precision(wanted: str) -> str:
    """Chooses as `explain_precision` does.

    Returns:
        A row of `POLICIES`.
    """
    return explain_precision(wanted).name


def explain_precision(wanted: str) -> Precision:
    """Chooses the number format of a network's convolutions.

    Args:
        wanted: a row of `POLICIES`; or `auto`: on GPUs what their tensor cores compute in, on a CPU
            `bfloat16` where a convolution takes at most two thirds of the time that it takes in
            float32 (Intel with AMX or AVX-512 BF16), else `float32`.

    Returns:
        The choice; that of `auto` is made once a process, in less than a tenth of a second.

    Raises:
        ValueError: an unknown name.

    Example:
        >>> explain_precision("float32")
        Precision(name='float32', reason='as asked for')
    """
    if wanted not in PRECISIONS:
        raise ValueError(f"precision must be one of {PRECISIONS}. Received: precision={wanted!r}")
    return _fastest() if wanted == "auto" else Precision(wanted, "as asked for")


@functools.cache
def _fastest() -> Precision:
    import tensorflow as tf  # not before a program's flags are right

    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
        major, minor = min(each.get("compute_capability", (0, 0)) for each in details)
        # Tensor cores: of float16 from Volta (7.0) on, of bfloat16 from Ampere (8.0) on.
        name = "bfloat16" if major >= 8 else "float16" if major == 7 else "float32"
        return Precision(name, f"GPUs of compute capability {major}.{minor}")
    gain = bfloat16_gain()
    name = "bfloat16" if gain >= LEAST_GAIN else "float32"
    return Precision(name, f"this CPU's bfloat16 convolutions are {gain:.1f} times as fast")


@functools.cache
def bfloat16_gain() -> float:
    """Measures how many times as fast this processor convolves in bfloat16 as in float32."""
    return _seconds_of_convolution("float32") / _seconds_of_convolution("bfloat16")


def _seconds_of_convolution(dtype: str) -> float:
    """Returns the least of three, after one that oneDNN prepares itself in."""
    import tensorflow as tf

    with tf.device("CPU"):
        images = tf.ones([1, 33, 33, 256], dtype)
        kernel = tf.ones([3, 3, 256, 256], dtype)
        times = []
        for _ in range(4):
            start = time.perf_counter()
            _ = tf.nn.conv2d(images, kernel, 1, "SAME").numpy()
            times.append(time.perf_counter() - start)
    return min(times[1:])
