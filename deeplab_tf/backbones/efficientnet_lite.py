"""EfficientNet-Lite as a dense feature extractor."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import keras

from deeplab_tf.backbones.inverted_residual import divisible
from deeplab_tf.backbones.mobilenet import Convolution, MobileNet, Unit

FIRST_CHANNELS = 32
# Taps, expansion, channels, number and stride of units: the rows of table 1 of the paper.
SEQUENCES = (
    (3, 1, 16, 1, 1),
    (3, 6, 24, 2, 2),
    (5, 6, 40, 2, 2),
    (3, 6, 80, 3, 2),
    (5, 6, 112, 3, 1),
    (5, 6, 192, 4, 2),
    (3, 6, 320, 1, 1),
)
# Number of the network -> factors on channels and on the units of a sequence.
FACTORS = {0: (1.0, 1.0), 1: (1.0, 1.1), 2: (1.1, 1.2)}


@keras.saving.register_keras_serializable(package="deeplab_tf")
class EfficientNetLite(MobileNet):
    """EfficientNet-Lite at any output stride, up to the channels of its last unit.

    EfficientNet without squeeze and excitation and with ReLU6, which mobile processors compute in
    whole numbers. Of the larger networks the first convolution and the number of units in the first
    and last sequence stay. The 1x1 convolution to 1280 channels belongs to the classifier.

    Args:
        number: 0 to 2, the network of the family.
        output_stride: input pixels between two features: 1, 2, 4, 8, 16 or 32.
        width: factor on the number of channels, all of them multiples of 8; 1.0 is the network's.
        method: implementation of atrous convolution, without effect on depthwise ones.
        batch_norm: `frozen`, `train` or `sync`, see `ConvNormAct`.
        **kwargs: name and dtype of the layer.

    Returns:
        Dict from `stem`, `expanded_conv`, `block_1`, ... to feature maps; the last one feeds the
        head. The maps of depthwise convolutions are the details of stride 4, 8 and 16, as in
        `MobileNetV2`.

    Source: Tan and Le 2019 (arXiv 1905.11946), table 1; tensorflow/tpu,
        models/official/efficientnet/lite.
    """

    def __init__(
        self,
        number: int,
        output_stride: int = 16,
        width: float = 1.0,
        method: str = "native",
        batch_norm: str = "frozen",
        **kwargs: Any,
    ):
        channels = divisible(FIRST_CHANNELS * width)
        super().__init__(
            Convolution("stem", channels, 3, "relu6"),
            list(_units(channels, width * FACTORS[number][0], FACTORS[number][1])),
            prefix="block",
            output_stride=output_stride,
            width=width,
            method=method,
            batch_norm=batch_norm,
            **kwargs,
        )
        self.number = number


def _units(channels: int, width: float, depth: float) -> Iterator[Unit]:
    for place, (taps, expansion, filters, count, first_stride) in enumerate(SEQUENCES):
        filters = divisible(filters * width)
        is_scaled = 0 < place < len(SEQUENCES) - 1
        for i in range(math.ceil(count * depth) if is_scaled else count):
            expanded = expansion * channels if expansion > 1 else None
            yield Unit(filters, expanded, taps, 1 if i else first_stride, "relu6")
            channels = filters
