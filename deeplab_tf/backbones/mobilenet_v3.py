"""MobileNetV3-Large as a dense feature extractor."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

import keras

from deeplab_tf.backbones.inverted_residual import divisible
from deeplab_tf.backbones.mobilenet import Convolution, MobileNet, Unit

# Taps, expansion, channels, squeeze and excitation, activation, stride: table 1 of the paper, with
# the factors that give its expanded channels.
UNITS = (
    (3, 1, 16, False, "relu", 1),
    (3, 4, 24, False, "relu", 2),
    (3, 3, 24, False, "relu", 1),
    (5, 3, 40, True, "relu", 2),
    (5, 3, 40, True, "relu", 1),
    (5, 3, 40, True, "relu", 1),
    (3, 6, 80, False, "hard_swish", 2),
    (3, 2.5, 80, False, "hard_swish", 1),
    (3, 2.3, 80, False, "hard_swish", 1),
    (3, 2.3, 80, False, "hard_swish", 1),
    (3, 6, 112, True, "hard_swish", 1),
    (3, 6, 112, True, "hard_swish", 1),
    (5, 6, 160, True, "hard_swish", 2),
    (5, 6, 160, True, "hard_swish", 1),
    (5, 6, 160, True, "hard_swish", 1),
)
FIRST_CHANNELS = 16  # whatever the width is, as in Keras Applications
_KERAS_LAYER = re.compile(
    r"(conv(?:_1)?|expanded_conv(?:_\d+)?_(?:expand|depthwise|project))(_bn)?"
    r"|expanded_conv_\d+_squeeze_excite_conv(?:_1)?"
)


@keras.saving.register_keras_serializable(package="deeplab_tf")
class MobileNetV3Large(MobileNet):
    """MobileNetV3-Large at any output stride, up to the 960 channels before the global pooling.

    These are the features of torchvision's `deeplabv3_mobilenet_v3_large`, and those that the
    released DeepLab takes (`layer_17`), whose `mobilenet_v3_large_seg` has half the channels after
    the last stride. Its squeeze and excitation sees the whole image.

    Args:
        output_stride: input pixels between two features: 1, 2, 4, 8, 16 or 32.
        width: the paper's multiplier, 0.75 or 1.0: factor on the number of channels, all of them
            multiples of 8; the first convolution keeps its 16, as in Keras Applications.
        method: implementation of atrous convolution, without effect on depthwise ones.
        batch_norm: `frozen`, `train` or `sync`, see `ConvNormAct`.
        **kwargs: name and dtype of the layer.

    Returns:
        Dict from `conv`, `expanded_conv`, `expanded_conv_1`, ... `expanded_conv_14`, `conv_1` to
        feature maps; the last one feeds the head. `expanded_conv_2_depthwise`,
        `expanded_conv_5_depthwise` and `expanded_conv_11_depthwise` are the details of stride 4, 8
        and 16 that the released code hands to decoders.

    Source: Howard et al. 2019 (arXiv 1905.02244), table 1; tensorflow/models,
        research/deeplab/core/feature_extractor.py.
    """

    keras_applications = ("MobileNetV3Large",)
    has_global_context = True

    def __init__(
        self,
        output_stride: int = 16,
        width: float = 1.0,
        method: str = "native",
        batch_norm: str = "frozen",
        **kwargs: Any,
    ):
        units = list(_units(width))
        super().__init__(
            Convolution("conv", FIRST_CHANNELS, 3, "hard_swish"),
            units,
            prefix="expanded_conv",
            last=Convolution("conv_1", divisible(6 * units[-1].filters), 1, "hard_swish"),
            output_stride=output_stride,
            width=width,
            method=method,
            batch_norm=batch_norm,
            **kwargs,
        )

    @classmethod
    def keras_layer_names(cls, layers: Collection[str]) -> dict[str, str] | None:
        """Maps `expanded_conv_3_expand_bn` to `expanded_conv_3_expand_norm`.

        Keras 2 and the published files call it `expanded_conv_3/expand/BatchNorm`. MobileNetV3Small
        ends at the eleventh unit, and the minimalistic networks have no squeeze and excitation.
        """
        plain = {x: x.replace("/BatchNorm", "_bn").replace("/", "_").lower() for x in layers}
        if not {"conv_bn", "expanded_conv_14_squeeze_excite_conv"} <= set(plain.values()):
            return None
        names = {}
        for layer, name in plain.items():
            part = _KERAS_LAYER.fullmatch(name)
            if part:
                names[layer] = f"{part[1]}_norm" if part[2] else name
        return names


def _units(width: float) -> Iterator[Unit]:
    channels = FIRST_CHANNELS
    for taps, expansion, filters, squeezes, activation, stride in UNITS:
        filters, expanded = divisible(filters * width), divisible(channels * expansion)
        squeezed = divisible(expanded / 4) if squeezes else None
        expanded_or_none = expanded if expansion > 1 else None
        yield Unit(filters, expanded_or_none, taps, stride, activation, squeezed)
        channels = filters
