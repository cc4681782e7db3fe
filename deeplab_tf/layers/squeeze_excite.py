"""Squeeze and excitation: a factor on every channel, from the averages of all channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from deeplab_tf.layers.activations import hard_sigmoid
from deeplab_tf.layers.atrous_conv import AtrousConv2D
from deeplab_tf.layers.configured import ConfigFromArguments


@keras.saving.register_keras_serializable(package="deeplab_tf")
class SqueezeExcite(ConfigFromArguments, keras.layers.Layer):
    """Multiplies every channel by a gate that two small layers make of the averages of all.

    An output sees the whole map. The average is over the points there are, as in the published
    networks, so a denser map of the same image has slightly other gates.

    Args:
        filters: channels between the two layers; fewer are cheaper.
        **kwargs: dtype of the layer and its name, with which the names of the two begin.

    Call arguments:
        inputs: tensor [B, H, W, C].

    Returns:
        Tensor [B, H, W, C].

    Source: Hu et al. 2018 (arXiv 1709.01507), with the hard sigmoid of Howard et al. 2019
        (arXiv 1905.02244), section 5.2.

    Example:
        >>> SqueezeExcite(8)(tf.zeros([1, 5, 7, 32])).shape
        TensorShape([1, 5, 7, 32])
    """

    def __init__(self, filters: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.filters = filters
        self.squeeze = AtrousConv2D(
            filters, 1, activation="relu", name=f"{self.name}_conv", dtype=self.dtype_policy
        )

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Creates the layers."""
        channels: Any = input_shape[-1]
        self.excite = AtrousConv2D(channels, 1, name=f"{self.name}_conv_1", dtype=self.dtype_policy)
        self.squeeze.build(input_shape)
        self.excite.build((None, None, None, self.filters))
        self.built = True

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Scales the channels of [B, H, W, C]."""
        # In float32: the sum over a map can be larger than float16 holds.
        averages = tf.reduce_mean(tf.cast(inputs, tf.float32), axis=(1, 2), keepdims=True)
        gates = self.excite(self.squeeze(tf.cast(averages, inputs.dtype)))
        return inputs * hard_sigmoid(gates)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Returns the shape of the output."""
        return tuple(input_shape)
