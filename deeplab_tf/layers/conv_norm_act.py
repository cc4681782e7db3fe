"""Convolution, batch normalisation and activation: the building block of backbones and decoders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from deeplab_tf.compat import all_layers
from deeplab_tf.layers.activations import activation_function
from deeplab_tf.layers.atrous_conv import AtrousConv2D
from deeplab_tf.layers.configured import ConfigFromArguments
from deeplab_tf.layers.depthwise_conv import AtrousDepthwiseConv2D
from deeplab_tf.layers.frozen_batch_norm import FrozenBatchNormalization

# Name -> class of the normalisation and what it fixes.
BATCH_NORMS = {
    "frozen": (FrozenBatchNormalization, {}),
    "train": (keras.layers.BatchNormalization, {}),
    "sync": (keras.layers.BatchNormalization, {"synchronized": True}),
}


def set_momentum(model: keras.Model, momentum: float) -> None:
    """Sets the momentum of every batch normalisation of a model, before it is called.

    Args:
        model: with its layers.
        momentum: share of the old moving statistics that an update keeps.
    """
    for layer in all_layers(model):
        if isinstance(layer, keras.layers.BatchNormalization | ConvNormAct):
            layer.momentum = momentum


@keras.saving.register_keras_serializable(package="deeplab_tf")
class ConvNormAct(ConfigFromArguments, keras.layers.Layer):
    """Convolves without bias, normalises with batch statistics and applies an activation.

    Outside training the normalisation is a factor and a shift a channel, which kernel and bias take
    up: the features are passed over once. `export.fold` does the same once for all calls.

    Args:
        filters: number of output channels; None convolves every channel by itself (depthwise).
        kernel_size: taps along a side.
        norm_name: name of the normalisation, such as `bn2a_branch1`; the convolution has the
            layer's own name. None appends `_norm` to it.
        strides: subsampling; more than 1 only with `dilation_rate=1`.
        dilation_rate: distance of two taps in pixels; larger sees farther at the same cost.
        method: implementation of atrous convolution, see `AtrousConv2D`.
        activation: `hard_swish`, the name of a Keras activation, or None.
        batch_norm: `"frozen"` keeps the statistics and the affine part that it was given, as
            the released networks do, whose batches of one crop are too small to estimate them;
            `"train"` learns both, with the statistics of each device's own batch; `"sync"` with
            those of all devices together, for few images a device.
        momentum: share of the old moving statistics that an update keeps.
        epsilon: added to the variance.
        **kwargs: name and dtype of the layer.

    Call arguments:
        inputs: tensor [B, H, W, C].
        training: if True, a normalisation that is not frozen uses the batch's statistics and
            updates its own.

    Returns:
        Tensor [B, ceil(H / strides), ceil(W / strides), filters or C].

    Raises:
        ValueError: an unknown normalisation, or what the convolution refuses.

    Source: Ioffe and Szegedy 2015 (arXiv 1502.03167).

    Example:
        >>> layer = ConvNormAct(4, 3, strides=2, activation="relu6", batch_norm="train")
        >>> layer(tf.zeros([1, 41, 33, 8]), training=True).shape
        TensorShape([1, 21, 17, 4])
    """

    def __init__(
        self,
        filters: int | None,
        kernel_size: int,
        norm_name: str | None = None,
        strides: int = 1,
        dilation_rate: int = 1,
        method: str = "native",
        activation: str | None = "relu",
        batch_norm: str = "frozen",
        momentum: float = 0.999,
        epsilon: float = 1e-5,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if batch_norm not in BATCH_NORMS:
            raise ValueError(
                f"batch_norm must be one of {sorted(BATCH_NORMS)}. "
                f"Received: batch_norm={batch_norm!r}"
            )
        self.filters = filters
        self.kernel_size = kernel_size
        self.norm_name = norm_name
        self.strides = strides
        self.dilation_rate = dilation_rate
        self.method = method
        self.activation = activation
        self.batch_norm = batch_norm
        self.momentum = momentum
        self.epsilon = epsilon
        options = {
            "strides": strides,
            "dilation_rate": dilation_rate,
            "use_bias": False,
            "name": self.name,
            "dtype": self.dtype_policy,
        }
        if filters is None:
            self.conv = AtrousDepthwiseConv2D(kernel_size, **options)
        else:
            self.conv = AtrousConv2D(filters, kernel_size, method=method, **options)
        norm_class, fixed = BATCH_NORMS[batch_norm]
        self.norm = norm_class(
            momentum=momentum,
            epsilon=epsilon,
            name=norm_name or f"{self.name}_norm",
            dtype=self.dtype_policy,
            **fixed,
        )

    @property
    def receptive_field_radius(self) -> int:
        """Input pixels that an output sees to each side."""
        return self.conv.receptive_field_radius

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Creates the weights of both layers."""
        self.conv.build(input_shape)
        self.norm.build((None, None, None, self.filters or input_shape[-1]))
        self.built = True

    def fold(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the kernel and the bias that take up the normalisation, float32."""
        norm = self.norm
        # Inside `call` mixed precision has cast the kernel already.
        kernel = tf.cast(tf.convert_to_tensor(self.conv.kernel), self.compute_dtype)
        gamma, beta, mean, variance, kernel = (
            tf.cast(tf.convert_to_tensor(variable), tf.float32)
            for variable in (norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance, kernel)
        )
        factor = gamma * tf.math.rsqrt(variance + norm.epsilon)
        # The channels of a depthwise kernel are those of its input.
        channels_last = factor if self.filters else factor[:, None]
        return kernel * channels_last, beta - mean * factor

    def call(self, inputs: tf.Tensor, training: bool | None = False) -> tf.Tensor:
        """Convolves, normalises and activates [B, H, W, C]."""
        # As in Keras, a layer that is set not to be trainable does not estimate statistics either.
        if training and self.batch_norm != "frozen" and self.norm.trainable:
            outputs = self.norm(self.conv(inputs), training=True)
        else:
            kernel, bias = self.fold()
            outputs = self.conv.convolve(
                inputs, tf.cast(kernel, inputs.dtype), tf.cast(bias, inputs.dtype)
            )
        return activation_function(self.activation)(outputs)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Returns the shape of the output."""
        return self.conv.compute_output_shape(input_shape)
