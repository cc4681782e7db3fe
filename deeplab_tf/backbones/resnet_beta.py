"""ResNet-v1 beta: the form of TensorFlow's research/deeplab, with three 3x3 convolutions first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from deeplab_tf.backbones.bottleneck import FORMS
from deeplab_tf.backbones.resnet import ResNet
from deeplab_tf.layers.configured import ConfigFromArguments
from deeplab_tf.layers.conv_norm_act import ConvNormAct
from deeplab_tf.layers.receptive_field import chain_radius

MEAN_RGB = (123.15, 115.90, 103.06)
STEM_CHANNELS = (64, 64, 128)


def subtract_mean(images: tf.Tensor) -> tf.Tensor:
    """Turns RGB images 0..255 [B, H, W, 3] of any dtype into RGB minus the mean, float32."""
    return tf.cast(images, tf.float32) - tf.constant(MEAN_RGB, tf.float32)


@keras.saving.register_keras_serializable(package="deeplab_tf")
class DeepStem(ConfigFromArguments, keras.layers.Layer):
    """3x3 convolutions with normalisation and ReLU, the stride on the first.

    Args:
        channels: of each convolution.
        strides: subsampling.
        batch_norm: see `ConvNormAct`.
        momentum: see `ConvNormAct`.
        **kwargs: dtype of the layer and its name; with `conv1` the convolutions are `conv1_1`, ...
    """

    def __init__(
        self,
        channels: Sequence[int],
        strides: int = 2,
        batch_norm: str = "frozen",
        momentum: float = 0.95,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.channels = tuple(channels)
        self.strides = strides
        self.batch_norm = batch_norm
        self.momentum = momentum
        self.convs = [
            ConvNormAct(
                filters,
                kernel_size=3,
                strides=strides if i == 1 else 1,
                batch_norm=batch_norm,
                momentum=momentum,
                name=f"{self.name}_{i}",
                dtype=self.dtype_policy,
            )
            for i, filters in enumerate(self.channels, 1)
        ]

    @property
    def receptive_field_radius(self) -> int:
        """Input pixels that an output sees to each side."""
        return chain_radius(self.convs)

    def call(self, inputs: tf.Tensor, training: bool | None = False) -> tf.Tensor:
        """Returns a tensor [B, H / strides, W / strides, channels[-1]]."""
        x = inputs
        for conv in self.convs:
            x = conv(x, training=training)
        return x


@keras.saving.register_keras_serializable(package="deeplab_tf")
class ResNetBeta(ResNet):
    """The ResNet of the released v3 and v3+ networks at any output stride.

    Three 3x3 convolutions take the place of the 7x7 one, and as in slim the last unit of a stage
    has the stride for the next one, on its 3x3 convolution and, as its shortcut is the input, by
    leaving out pixels there. So the last map of stride 4 is that of the second unit,
    `block1_unit_2`; the released decoder takes details from that unit too, but before the shortcut
    is added. Layers have the released names with `_` for `/`, such as `block3_unit_13_conv1`.

    The arguments are those of `ResNet`; the released weights need `multi_grid=(1, 2, 4)`.

    Source: TensorFlow's research/deeplab, resnet_v1_beta.py and feature_extractor.py; Chen et al.
        2017 (arXiv 1706.05587), section 4.
    """

    form = "slim"
    strides_at_end = True
    mean_rgb = MEAN_RGB
    keras_applications = ()
    preprocess = staticmethod(subtract_mean)

    def _stem(self, strides: int) -> DeepStem:
        return DeepStem(
            [self._channels(channels) for channels in STEM_CHANNELS],
            strides,
            self.batch_norm,
            FORMS[self.form].momentum,
            name="conv1",
            dtype=self.dtype_policy,
        )

    @staticmethod
    def unit_name(units: Sequence[int], stage: int, index: int) -> str:
        """Names units block1_unit_1, ..., block4_unit_3; see `ResNet.unit_name`."""
        return f"block{stage - 1}_unit_{index + 1}"
