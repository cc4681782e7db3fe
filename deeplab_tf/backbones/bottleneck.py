"""The residual unit of ResNet-50, 101 and 152."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from deeplab_tf.layers.configured import ConfigFromArguments
from deeplab_tf.layers.conv_norm_act import ConvNormAct
from deeplab_tf.layers.receptive_field import chain_radius

EXPANSION = 4


@keras.saving.register_keras_serializable(package="deeplab_tf")
class Bottleneck(ConfigFromArguments, keras.layers.Layer):
    """A residual unit 1x1, 3x3, 1x1 with the stride on its first 1x1, as in Caffe's ResNets.

    Args:
        channels: channels of the 3x3 convolution; the output has four times as many.
        strides: subsampling.
        dilation_rate: rate of the 3x3 convolution.
        project: whether the shortcut is a 1x1 convolution (first unit of a stage).
        method: implementation of atrous convolution.
        batch_norm: see `ConvNormAct`.
        **kwargs: dtype and Caffe name of the unit, such as `res4b12`.
    """

    def __init__(
        self,
        channels: int,
        strides: int = 1,
        dilation_rate: int = 1,
        project: bool = False,
        method: str = "native",
        batch_norm: str = "frozen",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.channels = channels
        self.strides = strides
        self.dilation_rate = dilation_rate
        self.project = project
        self.method = method
        self.batch_norm = batch_norm

        def conv_norm(branch: str, filters: int, kernel_size: int = 1, **options: Any):
            conv_name = f"{self.name}_branch{branch}"
            return ConvNormAct(
                filters,
                kernel_size,
                norm_name=conv_name.replace("res", "bn"),
                method=method,
                batch_norm=batch_norm,
                name=conv_name,
                dtype=self.dtype_policy,
                **options,
            )

        outputs = channels * EXPANSION
        self.shortcut = (
            conv_norm("1", outputs, strides=strides, activation=None) if project else None
        )
        self.reduce = conv_norm("2a", channels, strides=strides)
        self.spatial = conv_norm("2b", channels, kernel_size=3, dilation_rate=dilation_rate)
        self.expand = conv_norm("2c", outputs, activation=None)

    @property
    def receptive_field_radius(self) -> int:
        """Input pixels that an output sees to each side."""
        return chain_radius([self.reduce, self.spatial, self.expand])

    def call(self, inputs: tf.Tensor, training: bool | None = False) -> tf.Tensor:
        """Returns a tensor [B, H / strides, W / strides, 4 * channels]."""
        shortcut = residual = inputs
        if self.shortcut is not None:
            shortcut = self.shortcut(inputs, training=training)
        for part in (self.reduce, self.spatial, self.expand):
            residual = part(residual, training=training)
        return keras.activations.relu(shortcut + residual)
