"""Activations by name: those of Keras, and what Keras 2.15 lacks."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf


def hard_sigmoid(inputs: tf.Tensor) -> tf.Tensor:
    """Rises along a line from 0 at -3 to 1 at 3, which is cheaper than a sigmoid.

    Source: Howard et al. 2019 (arXiv 1905.02244), section 5.2. Keras 2.15 has another line by this
    name.
    """
    return tf.nn.relu6(inputs + 3.0) * (1.0 / 6.0)


def hard_swish(inputs: tf.Tensor) -> tf.Tensor:
    """Multiplies the inputs by their `hard_sigmoid`.

    Source: Howard et al. 2019 (arXiv 1905.02244), section 5.2.
    """
    # In this order LiteRT makes it one operation.
    return inputs * tf.nn.relu6(inputs + 3.0) * (1.0 / 6.0)


def activation_function(name: str | None) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns an activation by its name.

    Args:
        name: `hard_swish`, the name of a Keras activation, or None for none.

    Raises:
        ValueError: there is no such activation.

    Example:
        >>> activation_function("hard_swish")(tf.constant([-4.0, 0.0, 3.0])).numpy().tolist()
        [-0.0, 0.0, 3.0]
    """
    return hard_swish if name == "hard_swish" else keras.activations.get(name)
