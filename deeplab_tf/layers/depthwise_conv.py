"""Depthwise atrous convolution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from deeplab_tf.layers.atrous_conv import centred_padding
from deeplab_tf.layers.configured import ConfigFromArguments
from deeplab_tf.layers.receptive_field import window_radius


@keras.saving.register_keras_serializable(package="deeplab_tf")
class AtrousDepthwiseConv2D(ConfigFromArguments, keras.layers.Layer):
    """Convolves every channel by itself, with taps `dilation_rate` pixels apart.

    Padding is centred as in `AtrousConv2D`, so that features of different output strides agree on
    even sizes too.

    Args:
        kernel_size: taps along a side.
        dilation_rate: distance of two taps in pixels; larger sees farther at the same cost.
        strides: subsampling of the output; more than 1 only with `dilation_rate=1`.
        activation: name of a Keras activation, or None.
        use_bias: whether a bias is added.
        kernel_initializer: initializer of the kernel; an output sees the taps of one channel.
        **kwargs: name and dtype of the layer.

    Returns:
        Tensor [B, ceil(H / strides), ceil(W / strides), C].

    Raises:
        ValueError: a number below 1, or a stride together with a rate.

    Example:
        >>> AtrousDepthwiseConv2D(3, strides=2)(tf.zeros([1, 41, 32, 8])).shape
        TensorShape([1, 21, 16, 8])
    """

    def __init__(
        self,
        kernel_size: int,
        dilation_rate: int = 1,
        strides: int = 1,
        activation: str | None = None,
        use_bias: bool = True,
        kernel_initializer: Any = "he_normal",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if min(kernel_size, dilation_rate, strides) < 1:
            raise ValueError(
                "kernel_size, dilation_rate and strides must be at least 1. Received: "
                f"{kernel_size}, {dilation_rate}, {strides}"
            )
        if strides > 1 and dilation_rate > 1:
            raise ValueError(
                "A stride cannot be combined with a dilation rate. "
                f"Received: strides={strides}, dilation_rate={dilation_rate}"
            )
        self.kernel_size = kernel_size
        self.dilation_rate = dilation_rate
        self.strides = strides
        self.activation = activation
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Creates the kernel [k, k, C, 1] and the bias [C]."""
        channels = input_shape[-1]
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.kernel_size, self.kernel_size, channels, 1),
            initializer=self._initial_kernel,
        )
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=(channels,), initializer="zeros")
        self.built = True

    def _initial_kernel(self, shape: Sequence[int], dtype: Any = None, **_: Any) -> tf.Tensor:
        # An output sees one channel: as a kernel [k, k, C, 1] it would seem to see all C, and
        # `he_normal` would start each of many layers sqrt(C) times too small.
        rows, columns, channels, _one = shape
        kernel = self.kernel_initializer((rows, columns, 1, channels), dtype=dtype)
        return tf.reshape(kernel, shape)

    @property
    def receptive_field_radius(self) -> int:
        """Input pixels that an output sees to its farther side."""
        return window_radius(self.kernel_size, self.dilation_rate)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Convolves [B, H, W, C]."""
        return self.convolve(inputs, self.kernel, self.bias if self.use_bias else None)

    def convolve(self, inputs: tf.Tensor, kernel: Any, bias: Any = None) -> tf.Tensor:
        """Convolves [B, H, W, C] with another kernel and bias than the layer's own.

        Args:
            inputs: tensor [B, H, W, C].
            kernel: tensor or variable [k, k, C, 1].
            bias: tensor or variable [C], or None.

        Returns:
            Tensor [B, ceil(H / strides), ceil(W / strides), C].
        """
        before, after = centred_padding(self.kernel_size, self.dilation_rate)
        padded = tf.pad(inputs, [[0, 0], [before, after], [before, after], [0, 0]])
        outputs = tf.nn.depthwise_conv2d(
            padded,
            tf.convert_to_tensor(kernel),
            strides=[1, self.strides, self.strides, 1],
            padding="VALID",
            dilations=[self.dilation_rate, self.dilation_rate],
        )
        if bias is not None:
            outputs = tf.nn.bias_add(outputs, tf.convert_to_tensor(bias))
        outputs = tf.ensure_shape(outputs, self.compute_output_shape(inputs.shape))
        return keras.activations.get(self.activation)(outputs)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Returns the shape of the output."""
        batch, height, width, channels = input_shape
        sides = [None if n is None else -(-n // self.strides) for n in (height, width)]
        return (batch, *sides, channels)
