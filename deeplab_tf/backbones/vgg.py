"""VGG-16 as a dense feature extractor."""

from __future__ import annotations

import keras

from deeplab_tf.backbones.caffe_input import FIRST_KERNEL_INITIALIZER
from deeplab_tf.backbones.stride import plan_stages
from deeplab_tf.layers.atrous_conv import AtrousConv2D
from deeplab_tf.layers.caffe_pool import CaffePool2D
from deeplab_tf.layers.configured import ConfigFromArguments
from deeplab_tf.layers.receptive_field import chain_radius

# Convolutions and channels of the five blocks; each ends in a pool of stride 2.
BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
PUBLISHED_OUTPUT_STRIDE = 8


@keras.saving.register_keras_serializable(package="deeplab_tf")
class VGG16(ConfigFromArguments, keras.layers.Layer):
    """The VGG-16 backbone of the released networks at any output stride.

    All pools have 3x3 windows. At the published output stride of 8, pool4 and pool5 have
    stride 1 and conv5 has rate 2, while pool5 itself stays without holes, as released. A denser
    backbone agrees with the published one from end to end, a coarser one up to conv5_3.

    Args:
        output_stride: input pixels between two features: 1, 2, 4, 8, 16 or 32.
        width: factor on the number of channels.
        method: implementation of atrous convolution, see `AtrousConv2D`.
        **kwargs: name and dtype of the layer.

    Returns:
        Dict from `conv1_1`, `conv1_2`, `pool1`, ... `pool5` to feature maps; the last one feeds
        the head.

    Source: released DeepLab-LargeFOV train.prototxt; Chen et al. 2016, section 3.1.
    """

    def __init__(self, output_stride=8, width=1.0, method="native", **kwargs):
        super().__init__(**kwargs)
        self.output_stride = output_stride
        self.width = width
        self.method = method
        plans = plan_stages([2] * len(BLOCKS), output_stride)
        options = {"dtype": self.dtype_policy}
        self.steps = []
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
    def receptive_field_radius(self) -> int:
        """Input pixels that a feature sees to each side."""
        return chain_radius(self.steps)

    def call(self, inputs):
        """Extracts features from preprocessed images [B, H, W, 3]."""
        features, x = {}, inputs
        for step in self.steps:
            x = features[step.name] = step(x)
        return features
