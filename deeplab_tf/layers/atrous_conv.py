"""Convolution with holes, in the two implementations of the paper."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from deeplab_tf.layers import few_of_many
from deeplab_tf.layers.configured import ConfigFromArguments
from deeplab_tf.layers.receptive_field import window_radius
from deeplab_tf.layers.split_conv import split_conv2d
from deeplab_tf.layers.weight_budget import require_room

METHODS = ("native", "interlace")
# 1 GiB in float32; the largest published one, VGG's 7x7 fc6, has 103 million weights.
_MOST_WEIGHTS = 2**28


@keras.saving.register_keras_serializable(package="deeplab_tf")
class AtrousConv2D(ConfigFromArguments, keras.layers.Layer):
    """Convolves with a filter whose taps lie `dilation_rate` pixels apart, centred padding.

    The output is as large as the input (divided by `strides`), whatever the rate: zeros are
    added on all sides, as Caffe does, and not only below and to the right as TensorFlow's
    `padding="same"` does on even sizes with a stride. The weights do not depend on the rate.

    Args:
        filters: number of output channels.
        kernel_size: taps along a side.
        dilation_rate: distance of two taps in pixels; larger sees farther at the same cost.
        method: how holes are made. `"native"` hands the rate to one convolution operation, the
            first way of the paper. `"interlace"` subsamples the input into rate**2 maps,
            convolves them densely and re-interlaces the results, the second way. Both give the
            same numbers.
        strides: subsampling of the output; more than 1 only with `dilation_rate=1`.
        activation: name of a Keras activation, or None.
        use_bias: whether a bias is added.
        kernel_initializer: initializer of the kernel.
        bias_initializer: initializer of the bias.
        **kwargs: name and dtype of the layer.

    Call arguments:
        inputs: tensor [B, H, W, C].
        dense: True leaves the stride out, for an output at every pixel of the input.

    Returns:
        Tensor [B, ceil(H / strides), ceil(W / strides), filters].

    Raises:
        ValueError: an unknown method, a stride together with a rate, or a kernel of more than
            2**28 weights.

    Source: Chen et al. 2016, section 3.1.

    Example:
        >>> layer = AtrousConv2D(4, 3, dilation_rate=12)
        >>> layer(tf.zeros([1, 41, 33, 8])).shape
        TensorShape([1, 41, 33, 4])
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        dilation_rate: int = 1,
        method: str = "native",
        strides: int = 1,
        activation: str | None = None,
        use_bias: bool = True,
        kernel_initializer: Any = "he_normal",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if method not in METHODS:
            raise ValueError(f"method must be one of {METHODS}. Received: method={method!r}")
        if min(filters, kernel_size, dilation_rate, strides) < 1:
            raise ValueError(
                "filters, kernel_size, dilation_rate and strides must be at least 1. Received: "
                f"{filters}, {kernel_size}, {dilation_rate}, {strides}"
            )
        if strides > 1 and dilation_rate > 1:
            raise ValueError(
                "A stride cannot be combined with a dilation rate. "
                f"Received: strides={strides}, dilation_rate={dilation_rate}"
            )
        self.filters = filters
        self.kernel_size = kernel_size
        self.dilation_rate = dilation_rate
        self.method = method
        self.strides = strides
        self.activation = activation
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Creates the kernel [k, k, C, filters] and the bias [filters]."""
        channels: Any = input_shape[-1]
        shape = (self.kernel_size, self.kernel_size, channels, self.filters)
        if math.prod(shape) > _MOST_WEIGHTS:
            raise ValueError(
                f"A kernel has at most {_MOST_WEIGHTS} weights; give smaller filters or "
                f"kernel_size, in DeepLab fc6_filters, fc6_kernel or width. "
                f"Received: a kernel of shape {shape} for the layer {self.name}."
            )
        require_room(math.prod(shape))
        self.kernel = self.add_weight(
            name="kernel", shape=shape, initializer=self.kernel_initializer
        )
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias", shape=(self.filters,), initializer=self.bias_initializer
            )
        self.built = True

    @property
    def receptive_field_radius(self) -> int:
        """Input pixels that an output sees to its farther side."""
        return window_radius(self.kernel_size, self.dilation_rate)

    def call(self, inputs: tf.Tensor, dense: bool = False) -> tf.Tensor:
        """Convolves [B, H, W, C]."""
        bias = self.bias if self.use_bias else None
        return self.convolve(inputs, self.kernel, bias, 1 if dense else self.strides)

    def convolve(
        self, inputs: tf.Tensor, kernel: Any, bias: Any = None, strides: int | None = None
    ) -> tf.Tensor:
        """Convolves [B, H, W, C] with another kernel and bias than the layer's own.

        Args:
            inputs: tensor [B, H, W, C].
            kernel: tensor or variable [k, k, C, filters].
            bias: tensor or variable [filters], or None.
            strides: in place of the layer's own; None for those.

        Returns:
            Tensor [B, ceil(H / strides), ceil(W / strides), filters].
        """
        kernel = tf.convert_to_tensor(kernel)
        if self.dilation_rate == 1 or self.kernel_size == 1:
            outputs = _dense_conv(inputs, kernel, strides or self.strides)
        elif self.method == "native":
            outputs = native_atrous_conv(inputs, kernel, self.dilation_rate)
        else:
            outputs = interlaced_atrous_conv(inputs, kernel, self.dilation_rate)
        if bias is not None:
            outputs = tf.nn.bias_add(outputs, tf.convert_to_tensor(bias))
        return keras.activations.get(self.activation)(outputs)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Returns the shape of the output."""
        batch, height, width = input_shape[:3]
        sides = [None if n is None else -(-n // self.strides) for n in (height, width)]
        return (batch, *sides, self.filters)


def centred_padding(kernel_size: int, rate: int) -> tuple[int, int]:
    """Returns the zeros before and after a side that keep its size with a stride of 1."""
    total = (kernel_size - 1) * rate
    return total // 2, total - total // 2


def _pad(inputs: tf.Tensor, rows: Any, columns: Any) -> tf.Tensor:
    return tf.pad(inputs, [[0, 0], rows, columns, [0, 0]])


def _dense_conv(inputs: tf.Tensor, kernel: tf.Tensor, strides: int) -> tf.Tensor:
    before, after = centred_padding(kernel.shape[0], 1)
    if strides == kernel.shape[0] == 1 and inputs.dtype != tf.float32:
        # In 16 bits TensorFlow's gradient of a 1x1 kernel takes 2 to 5 times as long as ours.
        return native_atrous_conv(inputs, kernel, 1)
    if strides == 1:
        return split_conv2d(inputs, kernel, 1, (before, after))
    padded = _pad(inputs, (before, after), (before, after))
    return tf.nn.conv2d(padded, kernel, strides, "VALID")


def native_atrous_conv(inputs: tf.Tensor, kernel: tf.Tensor, rate: int) -> tf.Tensor:
    """Convolves [B, H, W, C] with holes in one operation, differentiable on every device.

    TensorFlow has no CPU kernel for the gradient of a dilated convolution. The gradient of the
    input is itself an atrous convolution with the kernel turned round, that of each tap of the
    kernel is one matrix product.

    Args:
        inputs: tensor [B, H, W, C].
        kernel: tensor [k, k, C, D].
        rate: distance of two taps in pixels.

    Returns:
        Tensor [B, H, W, D].
    """
    return _native(inputs, kernel, rate, centred_padding(kernel.shape[0], rate))


def _native(inputs: tf.Tensor, kernel: tf.Tensor, rate: int, padding: tuple[int, int]) -> tf.Tensor:
    size = kernel.shape[0]

    @tf.custom_gradient
    def convolve(inputs: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Callable]:
        if _makes_few_of_many(inputs, kernel):
            outputs = few_of_many.convolve(inputs, kernel, rate, padding)
        else:
            outputs = split_conv2d(inputs, kernel, rate, padding)

        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            turned = tf.transpose(tf.reverse(kernel, [0, 1]), [0, 1, 3, 2])
            d_inputs = _native(upstream, turned, rate, padding[::-1])
            if _makes_few_of_many(inputs, kernel):
                return d_inputs, few_of_many.kernel_gradient(inputs, upstream, size, rate, padding)
            return d_inputs, _kernel_gradient(inputs, upstream, size, rate, padding)

        return outputs, gradient

    return convolve(inputs, kernel)


def _makes_few_of_many(inputs: tf.Tensor, kernel: tf.Tensor) -> bool:
    """Whether a convolution is that of a classifier, in 16 bits: see `few_of_many`."""
    taps, _, channels, filters = kernel.shape
    return inputs.dtype != tf.float32 and taps > 1 and channels >= 8 * filters


def _kernel_gradient(
    inputs: tf.Tensor, upstream: tf.Tensor, size: int, rate: int, padding: tuple[int, int]
) -> tf.Tensor:
    height, width = tf.unstack(tf.shape(inputs)[1:3])
    padded = _pad(inputs, padding, padding)
    flat_upstream = tf.reshape(upstream, [-1, upstream.shape[-1]])
    taps = []
    for row in range(0, size * rate, rate):
        for column in range(0, size * rate, rate):
            seen = padded[:, row : row + height, column : column + width]
            flat_seen = tf.reshape(seen, [-1, inputs.shape[-1]])
            taps.append(tf.matmul(flat_seen, flat_upstream, transpose_a=True))
    return tf.reshape(tf.stack(taps), [size, size, inputs.shape[-1], upstream.shape[-1]])


def interlaced_atrous_conv(inputs: tf.Tensor, kernel: tf.Tensor, rate: int) -> tf.Tensor:
    """Convolves [B, H, W, C] densely on its rate**2 subsampled maps and puts them together.

    Args:
        inputs: tensor [B, H, W, C].
        kernel: tensor [k, k, C, D].
        rate: distance of two taps in pixels.

    Returns:
        Tensor [B, H, W, D].
    """
    before, after = centred_padding(kernel.shape[0], rate)
    height, width = tf.unstack(tf.shape(inputs)[1:3])
    fill = [after + (-(side + before + after)) % rate for side in (height, width)]
    paddings = [[before, fill[0]], [before, fill[1]]]
    maps = tf.space_to_batch(inputs, [rate, rate], paddings)
    maps = tf.nn.conv2d(maps, kernel, 1, "VALID")
    outputs = tf.batch_to_space(maps, [rate, rate], [[0, 0], [0, 0]])
    outputs = outputs[:, :height, :width]
    return tf.ensure_shape(outputs, [*inputs.shape[:3], kernel.shape[-1]])
