"""MobileNetV2 as a dense feature extractor."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

import keras

from deeplab_tf.backbones.inverted_residual import divisible
from deeplab_tf.backbones.mobilenet import Convolution, MobileNet, Unit

# Expansion, channels, number and stride of units: the rows of table 2 in the paper.
SEQUENCES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
_KERAS_LAYER = re.compile(r"((?:expanded_conv|block_\d+)_(?:expand|depthwise|project))(_BN)?")


@keras.saving.register_keras_serializable(package="deeplab_tf")
class MobileNetV2(MobileNet):
    """MobileNetV2 at any output stride, up to the 320 channels of its last unit.

    The 1x1 convolution to 1280 channels belongs to the classifier: the released DeepLab takes the
    features before it (`layer_18`).

    Args:
        output_stride: input pixels between two features: 1, 2, 4, 8, 16 or 32.
        width: the paper's alpha, 0.35 to 1.4: factor on the number of channels, all of them
            multiples of 8 as in Keras Applications. (The released DeepLab rounds to whole channels
            where alpha is not 1.)
        method: implementation of atrous convolution, without effect on depthwise ones.
        batch_norm: `frozen`, `train` or `sync`, see `ConvNormAct`.
        **kwargs: name and dtype of the layer.

    Returns:
        Dict from `Conv1`, `expanded_conv`, `block_1`, ... `block_16` to feature maps; the last one
        feeds the head. `block_2_depthwise`, `block_5_depthwise` and `block_12_depthwise` are the
        details of stride 4, 8 and 16 that the released code hands to decoders.

    Source: Sandler et al. 2018 (arXiv 1801.04381), table 2; tensorflow/models,
        research/deeplab/core/feature_extractor.py.
    """

    keras_applications = ("MobileNetV2",)

    def __init__(
        self,
        output_stride: int = 16,
        width: float = 1.0,
        method: str = "native",
        batch_norm: str = "frozen",
        **kwargs: Any,
    ):
        super().__init__(
            Convolution("Conv1", divisible(32 * width), 3, "relu6"),
            list(_units(width)),
            prefix="block",
            output_stride=output_stride,
            width=width,
            method=method,
            batch_norm=batch_norm,
            **kwargs,
        )

    @classmethod
    def keras_layer_names(cls, layers: Collection[str]) -> dict[str, str] | None:
        """Maps `block_3_expand` to itself and `block_3_expand_BN` to `block_3_expand_norm`."""
        if "bn_Conv1" not in layers or "block_16_project" not in layers:
            return None
        names = {"Conv1": "Conv1", "bn_Conv1": "Conv1_norm"}
        for part in filter(None, map(_KERAS_LAYER.fullmatch, layers)):
            names[part[0]] = part[1] + ("_norm" if part[2] else "")
        return names


def _units(width: float) -> Iterator[Unit]:
    channels = divisible(32 * width)
    for expansion, filters, count, first_stride in SEQUENCES:
        filters = divisible(filters * width)
        for i in range(count):
            expanded = expansion * channels if expansion > 1 else None
            yield Unit(filters, expanded, 3, 1 if i else first_stride, "relu6")
            channels = filters
