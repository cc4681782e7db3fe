"""Depthwise separable convolution with normalisation and activation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from deeplab_tf.layers.configured import ConfigFromArguments
from deeplab_tf.layers.conv_norm_act import ConvNormAct
from deeplab_tf.layers.receptive_field import chain_radius


@keras.saving.register_keras_serializable(package="deeplab_tf")
class SeparableConvNormAct(ConfigFromArguments, keras.layers.Layer):
    """Convolves every channel by itself, then mixes them; each part normalises and activates.

    Args:
        filters: number of output channels.
        kernel_size: taps along a side of the depthwise part.
        strides: subsampling, in the depthwise part.
        dilation_rate: distance of two taps in pixels; larger sees farther at the same cost.
        activation: name of a Keras activation, or None.
        batch_norm: see `ConvNormAct`.
        momentum: see `ConvNormAct`.
        epsilon: see `ConvNormAct`.
        **kwargs: dtype of the layer and its name, with which the parts' names begin.

    Call arguments:
        inputs: tensor [B, H, W, C].
        training: see `ConvNormAct`.

    Returns:
        Tensor [B, ceil(H / strides), ceil(W / strides), filters].

    Source: Chen et al. 2018 (arXiv 1802.02611), section 3.1 and figure 3.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        strides: int = 1,
        dilation_rate: int = 1,
        activation: str | None = "relu",
        batch_norm: str = "frozen",
        momentum: float = 0.999,
        epsilon: float = 1e-5,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.strides = strides
        self.dilation_rate = dilation_rate
        self.activation = activation
        self.batch_norm = batch_norm
        self.momentum = momentum
        self.epsilon = epsilon
        options = {
            "activation": activation,
            "batch_norm": batch_norm,
            "momentum": momentum,
            "epsilon": epsilon,
            "dtype": self.dtype_policy,
        }
        self.depthwise = ConvNormAct(
            None,
            kernel_size,
            strides=strides,
            dilation_rate=dilation_rate,
            name=f"{self.name}_depthwise",
            **options,
        )
        self.pointwise = ConvNormAct(filters, 1, name=f"{self.name}_pointwise", **options)

    @property
    def receptive_field_radius(self) -> int:
        """Input pixels that an output sees to each side."""
        return chain_radius([self.depthwise, self.pointwise])

    def call(self, inputs: tf.Tensor, training: bool | None = False) -> tf.Tensor:
        """Convolves, normalises and activates [B, H, W, C] twice."""
        return self.pointwise(self.depthwise(inputs, training=training), training=training)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Returns the shape of the output."""
        return self.pointwise.compute_output_shape(self.depthwise.compute_output_shape(input_shape))
