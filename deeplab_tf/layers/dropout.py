"""Dropout whose mask is a function of the example, not of the device or the batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from deeplab_tf.layers.configured import ConfigFromArguments


@keras.saving.register_keras_serializable(package="deeplab_tf")
class ExampleDropout(ConfigFromArguments, keras.layers.Layer):
    """Drops activations in training and scales the others by 1 / (1 - rate).

    Args:
        rate: share of activations that are dropped, 0 to below 1.
        **kwargs: name and dtype of the layer.

    Call arguments:
        inputs: tensor [B, ...].
        training: nothing is dropped unless it is True.
        seeds: int32 [B, 2], one seed an example: the same seed drops the same activations
            wherever the example is computed, so that runs can be repeated, resumed and split over
            devices. None draws from TensorFlow's global generator.

    Raises:
        ValueError: a rate outside [0, 1).
    """

    def __init__(self, rate: float, **kwargs: Any):
        super().__init__(**kwargs)
        if not 0 <= rate < 1:
            raise ValueError(f"rate must lie in [0, 1). Received: rate={rate}")
        self.rate = rate

    def call(
        self,
        inputs: tf.Tensor,
        training: bool | None = False,
        seeds: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Returns a tensor like `inputs`."""
        if not training or self.rate == 0:
            return inputs
        if seeds is None:
            return tf.nn.dropout(inputs, self.rate)
        # Layers of one network must not share a mask.
        layer_seeds = seeds + tf.constant([0, _stable_hash(self.name)], seeds.dtype)
        uniform = tf.map_fn(
            lambda seed: tf.random.stateless_uniform(tf.shape(inputs)[1:], seed),
            layer_seeds,
            fn_output_signature=tf.float32,
        )
        kept = tf.cast(uniform >= self.rate, inputs.dtype)
        return inputs * kept / (1 - self.rate)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Returns the shape of the output."""
        return tuple(input_shape)


def _stable_hash(name: str) -> int:
    """Python's own hash of a string differs from process to process."""
    value = 0
    for character in name:
        value = (value * 31 + ord(character)) % 65521
    return value
