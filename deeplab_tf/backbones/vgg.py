"""VGG-16 as a dense feature extractor."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

import keras
import tensorflow as tf

from deeplab_tf.backbones.backbone import Backbone
from deeplab_tf.backbones.caffe_input import FIRST_KERNEL_INITIALIZER, MEAN_RGB, to_caffe_input
from deeplab_tf.backbones.stride import plan_stages
from deeplab_tf.layers.atrous_conv import AtrousConv2D
from deeplab_tf.layers.caffe_pool import CaffePool2D
from deeplab_tf.layers.receptive_field import chain_radius

# Convolutions and channels of the five blocks; each ends in a pool of stride 2.
BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
PUBLISHED_OUTPUT_STRIDE = 8
_KERAS_LAYER = re.compile(r"block(\d)_conv(\d)")


@keras.saving.register_keras_serializable(package="deeplab_tf")
class VGG16(Backbone):
    """The VGG-16 backbone of the released networks at any output stride.

    All pools have 3x3 windows. At the published output stride of 8, pool4 and pool5 have
    stride 1 and conv5 has rate 2, while pool5 itself stays without holes, as released. A denser
    backbone agrees with the published one from end to end, a coarser one up to conv5_3.

    Args:
        output_stride: input pixels between two features: 1, 2, 4, 8, 16 or 32.
        width: factor on the number of channels.
        method: implementation of atrous convolution, see `AtrousConv2D`.
        batch_norm: without effect: the network has none.
        **kwargs: name and dtype of the layer.

    Returns:
        Dict from `conv1_1`, `conv1_2`, `pool1`, ... `pool5` to feature maps; the last one feeds
        the head.

    Source: released DeepLab-LargeFOV train.prototxt; Chen et al. 2016, section 3.1.
    """

    mean_rgb = MEAN_RGB
    # Biases learn twice as fast in the released solver files, those of the head too.
    rate_multipliers = ((".*/bias", 2.0),)
    has_fc6 = True
    has_pool5a = True
    multi_scale_endpoints = ("pool1", "pool2", "pool3", "pool4")
    keras_applications = ("VGG16",)
    preprocess = staticmethod(to_caffe_input)

    def __init__(
        self,
        output_stride: int = 8,
        width: float = 1.0,
        method: str = "native",
        batch_norm: str = "frozen",
        **kwargs: Any,
    ):
        super().__init__(output_stride, width, method, batch_norm, **kwargs)
        plans = plan_stages([2] * len(BLOCKS), output_stride)
        options = {"dtype": self.dtype_policy}
        self.steps: list[AtrousConv2D | CaffePool2D] = []
        conv_rate = 1
        for block, ((count, channels), plan) in enumerate(zip(BLOCKS, plans, strict=True), 1):
            self.steps += [
                AtrousConv2D(
                    max(1, round(channels * width)),
                    kernel_size=3,
                    dilation_rate=conv_rate,
                    method=method,
                    activation="relu",
                    kernel_initializer="he_normal" if self.steps or i else FIRST_KERNEL_INITIALIZER,
                    name=f"conv{block}_{i + 1}",
                    **options,
                )
                for i in range(count)
            ]
            is_last = block == len(BLOCKS)
            pool_rate = max(1, PUBLISHED_OUTPUT_STRIDE // output_stride) if is_last else plan.rate
            pool = CaffePool2D(
                "max", strides=plan.stride, dilation_rate=pool_rate, name=f"pool{block}", **options
            )
            self.steps.append(pool)
            conv_rate = plan.next_rate

    @property
    def native_strides(self) -> dict[str, int]:
        """Stride of every map in the classification network."""
        strides, stride = {}, 1
        for step in self.steps:
            stride *= 2 if isinstance(step, CaffePool2D) else 1
            strides[step.name] = stride
        return strides

    @property
    def receptive_field_radius(self) -> int:
        """Input pixels that a feature sees to each side."""
        return chain_radius(self.steps)

    def call(self, inputs: tf.Tensor, training: bool | None = False) -> dict[str, tf.Tensor]:
        """Extracts features from preprocessed images [B, H, W, 3]."""
        features, x = {}, inputs
        for step in self.steps:
            x = features[step.name] = step(x)
        return features

    @classmethod
    def keras_layer_names(cls, layers: Collection[str]) -> dict[str, str] | None:
        """Maps `block1_conv2` to `conv1_2`; VGG-19, which has a `block3_conv4`, is another."""
        if "block1_conv1" not in layers or "block3_conv4" in layers:
            return None
        parts = {layer: _KERAS_LAYER.fullmatch(layer) for layer in layers}
        return {layer: f"conv{part[1]}_{part[2]}" for layer, part in parts.items() if part}
