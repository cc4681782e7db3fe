"""Whether variables hold finite numbers only: a network with a NaN predicts label 0 everywhere."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import tensorflow as tf


def first_not_finite(variables: Iterable[tuple[str, Any]]) -> str | None:
    """Finds a variable that holds a NaN or an infinity.

    The device checks all variables in one pass, which takes as long as reading them once.

    Args:
        variables: names, and the variables of Keras or TensorFlow; counters do not count.

    Returns:
        The name of the first, None where all numbers are finite.

    Example:
        >>> first_not_finite([("good", tf.Variable(1.0)), ("bad", tf.Variable([0.0, np.inf]))])
        'bad'
    """
    values = [(name, tf.convert_to_tensor(variable)) for name, variable in variables]
    values = [(name, value) for name, value in values if value.dtype.is_floating]
    if not values:
        return None
    finite = tf.stack([tf.reduce_all(tf.math.is_finite(value)) for _, value in values]).numpy()
    pairs = zip(values, finite, strict=True)
    return next((name for (name, _), is_finite in pairs if not is_finite), None)


def require_finite_weights(model: Any, source: str | os.PathLike) -> None:
    """Raises an error if a network that was read from a file has weights that are not finite.

    Args:
        model: a DeepLab.
        source: the file or folder, for the message.

    Raises:
        ValueError: a weight is not finite; the message names it.
    """
    broken = first_not_finite(model.variables_by_name().items())
    if broken:
        raise ValueError(
            f"{source}: its variable {broken!r} is not finite (NaN or infinity): training went "
            "wrong. Train again with a lower train.learning_rate, or take an earlier checkpoint."
        )
