"""The unit of MobileNetV2 and V3: few channels in and out, many in between."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from deeplab_tf.layers.configured import ConfigFromArguments
from deeplab_tf.layers.conv_norm_act import ConvNormAct
from deeplab_tf.layers.receptive_field import chain_radius
from deeplab_tf.layers.squeeze_excite import SqueezeExcite

# Slim's, with which the released networks were trained; Keras Applications has a momentum of 0.999.
MOMENTUM = 0.997
EPSILON = 1e-3


def divisible(channels: float, divisor: int = 8) -> int:
    """Returns the nearest multiple of a divisor, at least one, that is not below 90% of `channels`.

    Source: `_make_divisible` of tensorflow/models, research/slim/nets/mobilenet.

    Example:
        >>> [divisible(channels) for channels in (0.8, 11.2, 32, 38)]
        [8, 16, 32, 40]
    """
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


@keras.saving.register_keras_serializable(package="deeplab_tf")
class InvertedResidual(ConfigFromArguments, keras.layers.Layer):
    """Expands by a 1x1 convolution, convolves each channel, and projects to few channels again.

    The projection has no activation. Names of the parts begin with the layer's own, as in Keras
    Applications: `block_3` has `block_3_expand`, `block_3_depthwise` and `block_3_project`.

    Args:
        filters: channels of the output.
        expanded: channels in between; None leaves out the expansion.
        kernel_size: taps along a side of the depthwise convolution.
        strides: subsampling.
        dilation_rate: rate of the depthwise convolution.
        residual: whether the input, which has to have the same shape, is added to the output.
        squeezed: channels inside a `SqueezeExcite` after the depthwise convolution; None for none.
        activation: see `ConvNormAct`; `relu6` in V2.
        batch_norm: see `ConvNormAct`.
        **kwargs: name and dtype of the layer.

    Call arguments:
        inputs: tensor [B, H, W, C].
        training: see `ConvNormAct`.

    Returns:
        The output [B, ceil(H / strides), ceil(W / strides), filters], and what the depthwise
        convolution gives, with `expanded` channels: the released code hands it to decoders.

    Source: Sandler et al. 2018 (arXiv 1801.04381), table 1; Howard et al. 2019 (arXiv 1905.02244),
        figure 4.
    """

    def __init__(
        self,
        filters: int,
        expanded: int | None,
        kernel_size: int = 3,
        strides: int = 1,
        dilation_rate: int = 1,
        residual: bool = False,
        squeezed: int | None = None,
        activation: str = "relu6",
        batch_norm: str = "frozen",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.filters = filters
        self.expanded = expanded
        self.kernel_size = kernel_size
        self.strides = strides
        self.dilation_rate = dilation_rate
        self.residual = residual
        self.squeezed = squeezed
        self.activation = activation
        self.batch_norm = batch_norm

        def conv_norm(part: str, channels: int | None, taps: int, **options: Any) -> ConvNormAct:
            return ConvNormAct(
                channels,
                taps,
                batch_norm=batch_norm,
                momentum=MOMENTUM,
                epsilon=EPSILON,
                name=f"{self.name}_{part}",
                dtype=self.dtype_policy,
                **options,
            )

        self.expand = conv_norm("expand", expanded, 1, activation=activation) if expanded else None
        self.depthwise = conv_norm(
            "depthwise",
            None,
            kernel_size,
            strides=strides,
            dilation_rate=dilation_rate,
            activation=activation,
        )
        self.squeeze_excite = (
            SqueezeExcite(squeezed, name=f"{self.name}_squeeze_excite", dtype=self.dtype_policy)
            if squeezed
            else None
        )
        self.project = conv_norm("project", filters, 1, activation=None)

    @property
    def receptive_field_radius(self) -> int:
        """Input pixels that an output sees to each side, the gates of `SqueezeExcite` left out."""
        return chain_radius([self.depthwise])

    def call(self, inputs: tf.Tensor, training: bool | None = False) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the output and the depthwise map."""
        x = inputs
        if self.expand is not None:
            x = self.expand(x, training=training)
        x = depthwise = self.depthwise(x, training=training)
        if self.squeeze_excite is not None:
            x = self.squeeze_excite(x)
        x = self.project(x, training=training)
        return (inputs + x if self.residual else x), depthwise
