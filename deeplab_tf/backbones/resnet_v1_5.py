"""ResNet v1.5: the form of torchvision, whose strides are on the 3x3 convolutions."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf

from deeplab_tf.backbones.resnet import ResNet

# torchvision's, times 255.
MEAN_RGB = (123.675, 116.28, 103.53)
DEVIATION_RGB = (58.395, 57.12, 57.375)


def to_torchvision_input(images: tf.Tensor) -> tf.Tensor:
    """Turns RGB images 0..255 [B, H, W, 3] of any dtype into (RGB - mean) / deviation, float32."""
    centred = tf.cast(images, tf.float32) - tf.constant(MEAN_RGB, tf.float32)
    return centred / tf.constant(DEVIATION_RGB, tf.float32)


@keras.saving.register_keras_serializable(package="deeplab_tf")
class ResNetV15(ResNet):
    """The ResNet of torchvision at any output stride.

    It has the parameters of `ResNet`, but the stride of a stage is on the 3x3 convolution of its
    first unit, so that no pixel is left out. Where a stride became a rate, that convolution keeps
    the rate of the stage before, as torchvision's `replace_stride_with_dilation` has it.
    Layers have torchvision's names, such as `layer3.12.conv1`; those of the first convolution have
    `layer0.` before them.

    The arguments are those of `ResNet`; `multi_grid` is of `layer4`, and its first factor can only
    be 1 at an output stride of 32.

    Source: torchvision's resnet.py (resnet50, resnet101).
    """

    form = "torchvision"
    # Plain conv1 is in the files of Keras Applications too, whose kernel is for other inputs.
    stem_names = ("layer0.conv1", "layer0.bn1")
    mean_rgb = MEAN_RGB
    keras_applications = ()
    preprocess = staticmethod(to_torchvision_input)

    @staticmethod
    def unit_name(units: Sequence[int], stage: int, index: int) -> str:
        """Names units layer1.0, layer1.1, ..., layer4.2; see `ResNet.unit_name`."""
        return f"layer{stage - 1}.{index}"
