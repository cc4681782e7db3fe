"""Caffe's learning-rate policies fixed, step, poly (with a warm-up, if wanted) and inv; cosine.

A schedule is called with the number of finished steps and returns a float32 scalar.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import keras
import ml_collections
import tensorflow as tf


class _Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """Base class that stores its arguments, in the order of `names`, as float attributes."""

    names: tuple[str, ...] = ()

    def __init__(self, *values: float):
        super().__init__()
        for name, value in zip(self.names, values, strict=True):
            setattr(self, name, float(value))

    def get_config(self) -> dict[str, float]:
        """Returns every argument of the constructor."""
        return {name: getattr(self, name) for name in self.names}


@keras.saving.register_keras_serializable(package="deeplab_tf")
class Fixed(_Schedule):
    """Keeps the same rate at every step.

    Args:
        base_rate: learning rate.

    Example:
        >>> float(Fixed(0.5)(1000))
        0.5
    """

    names = ("base_rate",)

    def __init__(self, base_rate: float):
        super().__init__(base_rate)

    def __call__(self, step: int | tf.Tensor) -> tf.Tensor:
        """Returns the learning rate of a step, float32 scalar."""
        return tf.constant(self.base_rate, tf.float32)


@keras.saving.register_keras_serializable(package="deeplab_tf")
class Step(_Schedule):
    """Multiplies the rate by gamma every `step_size` steps (v1).

    Args:
        base_rate: learning rate at step 0.
        gamma: factor at every drop.
        step_size: steps between two drops.

    Example:
        >>> round(float(Step(1e-3, gamma=0.1, step_size=2000)(4000)), 8)
        1e-05
    """

    names = ("base_rate", "gamma", "step_size")

    def __init__(self, base_rate: float, gamma: float = 0.1, step_size: float = 2000):
        super().__init__(base_rate, gamma, step_size)

    def __call__(self, step: int | tf.Tensor) -> tf.Tensor:
        """Returns the learning rate of a step, float32 scalar."""
        drops = tf.floor(tf.cast(step, tf.float32) / self.step_size)
        return self.base_rate * tf.pow(self.gamma, drops)


@keras.saving.register_keras_serializable(package="deeplab_tf")
class Polynomial(_Schedule):
    """Falls to zero as (1 - step / max_steps) ** power (poly of v2, v3 and v3+).

    With a warm-up, the rate is small and constant at first, and falls during the steps that are
    left.

    Args:
        base_rate: learning rate at the first step after the warm-up.
        max_steps: step at which the rate reaches zero, usually the length of the training.
        power: 1 falls along a line; smaller stays high for longer.
        warmup_steps: length of the warm-up; 0 has none.
        warmup_rate: learning rate during the warm-up.

    Raises:
        ValueError: the warm-up is as long as the training.

    Source: released solver files of DeepLab v2; warm-up: `slow_start_step` and
        `slow_start_learning_rate` of tensorflow/models, research/deeplab/utils/train_utils.py.

    Example:
        >>> float(Polynomial(1.0, max_steps=100, power=1.0)(25))
        0.75
        >>> schedule = Polynomial(1.0, max_steps=110, power=1.0, warmup_steps=10, warmup_rate=0.125)
        >>> [float(schedule(step)) for step in (9, 10, 35)]
        [0.125, 1.0, 0.75]
    """

    names = ("base_rate", "max_steps", "power", "warmup_steps", "warmup_rate")

    def __init__(
        self,
        base_rate: float,
        max_steps: float,
        power: float = 0.9,
        warmup_steps: float = 0,
        warmup_rate: float = 1e-4,
    ):
        super().__init__(base_rate, max_steps, power, warmup_steps, warmup_rate)
        _check_warmup(warmup_steps, max_steps)

    def __call__(self, step: int | tf.Tensor) -> tf.Tensor:
        """Returns the learning rate of a step, float32 scalar."""
        finished = tf.cast(step, tf.float32) - self.warmup_steps
        left = tf.maximum(0.0, 1.0 - finished / (self.max_steps - self.warmup_steps))
        rate = self.base_rate * tf.pow(left, self.power)
        return tf.where(finished < 0, self.warmup_rate, rate) if self.warmup_steps else rate


@keras.saving.register_keras_serializable(package="deeplab_tf")
class Cosine(_Schedule):
    """Falls to zero along half a cosine, after a warm-up in which the rate rises along a line.

    Args:
        base_rate: learning rate at the first step after the warm-up.
        max_steps: step at which the rate reaches zero, usually the length of the training.
        warmup_steps: length of the warm-up; 0 has none.
        warmup_rate: learning rate at step 0 of the warm-up.

    Raises:
        ValueError: the warm-up is as long as the training.

    Source: Loshchilov and Hutter 2017 (arXiv 1608.03983), equation 5, without restarts; warm-up:
        Goyal et al. 2017 (arXiv 1706.02677), section 2.2.

    Example:
        >>> schedule = Cosine(1.0, max_steps=110, warmup_steps=10, warmup_rate=0.5)
        >>> [round(float(schedule(step)), 3) for step in (0, 5, 10, 60, 110)]
        [0.5, 0.75, 1.0, 0.5, 0.0]
    """

    names = ("base_rate", "max_steps", "warmup_steps", "warmup_rate")

    def __init__(
        self,
        base_rate: float,
        max_steps: float,
        warmup_steps: float = 0,
        warmup_rate: float = 1e-4,
    ):
        super().__init__(base_rate, max_steps, warmup_steps, warmup_rate)
        _check_warmup(warmup_steps, max_steps)

    def __call__(self, step: int | tf.Tensor) -> tf.Tensor:
        """Returns the learning rate of a step, float32 scalar."""
        finished = tf.cast(step, tf.float32) - self.warmup_steps
        share = tf.minimum(1.0, finished / (self.max_steps - self.warmup_steps))
        rate = self.base_rate * 0.5 * (1.0 + tf.cos(math.pi * share))
        if not self.warmup_steps:
            return rate
        below = (self.base_rate - self.warmup_rate) * finished / self.warmup_steps
        return tf.where(finished < 0, self.base_rate + below, rate)


def _check_warmup(warmup_steps: float, max_steps: float) -> None:
    if warmup_steps >= max_steps:
        raise ValueError(
            "warmup_steps must be less than the steps of the training. "
            f"Received: warmup_steps={warmup_steps}, steps={max_steps}"
        )


@keras.saving.register_keras_serializable(package="deeplab_tf")
class Inverse(_Schedule):
    """Falls as (1 + gamma * step) ** -power (Caffe's inv).

    Args:
        base_rate: learning rate at step 0.
        gamma: how early the rate begins to fall.
        power: how steeply it falls.

    Example:
        >>> float(Inverse(1.0, gamma=1.0, power=1.0)(3))
        0.25
    """

    names = ("base_rate", "gamma", "power")

    def __init__(self, base_rate: float, gamma: float = 1e-4, power: float = 0.75):
        super().__init__(base_rate, gamma, power)

    def __call__(self, step: int | tf.Tensor) -> tf.Tensor:
        """Returns the learning rate of a step, float32 scalar."""
        return self.base_rate * tf.pow(1.0 + self.gamma * tf.cast(step, tf.float32), -self.power)


# Name of a policy -> function from the section `train` and the number of steps to the schedule. The
# first four are Caffe's.
POLICIES: dict[str, Callable[[ml_collections.ConfigDict, int], _Schedule]] = {
    "fixed": lambda s, _: Fixed(s.learning_rate),
    "step": lambda s, _: Step(s.learning_rate, s.gamma, s.step_size),
    "poly": lambda s, n: Polynomial(s.learning_rate, n, s.power, s.warmup_steps, s.warmup_rate),
    "inv": lambda s, _: Inverse(s.learning_rate, s.gamma, s.power),
    "cosine": lambda s, n: Cosine(s.learning_rate, n, s.warmup_steps, s.warmup_rate),
}


def build_schedule(settings: ml_collections.ConfigDict, steps: int | None = None) -> _Schedule:
    """Builds the schedule of a configuration.

    Args:
        settings: section `train`, or anything that has `policy`, `learning_rate`, `steps`,
            `gamma`, `step_size`, `power`, `warmup_steps` and `warmup_rate`.
        steps: length of the training, in place of `settings.steps`.

    Raises:
        ValueError: an unknown policy.
    """
    if settings.policy not in POLICIES:
        raise ValueError(
            f"train.policy must be one of {sorted(POLICIES)}. Received: {settings.policy!r}"
        )
    return POLICIES[settings.policy](settings, settings.steps if steps is None else steps)
