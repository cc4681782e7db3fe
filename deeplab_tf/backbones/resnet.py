"""ResNet-50, 101 and 152 as dense feature extractors."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any

import keras
import tensorflow as tf

from deeplab_tf.backbones.backbone import Backbone
from deeplab_tf.backbones.bottleneck import Bottleneck
from deeplab_tf.backbones.caffe_input import MEAN_RGB, to_caffe_input
from deeplab_tf.backbones.stride import plan_stages
from deeplab_tf.layers.caffe_pool import CaffePool2D
from deeplab_tf.layers.conv_norm_act import ConvNormAct
from deeplab_tf.layers.receptive_field import chain_radius

# Residual units in stages res2 to res5.
UNITS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
STAGE_CHANNELS = (64, 128, 256, 512)
_KERAS_LAYER = re.compile(r"conv(\d)_block(\d+)_(\d)_(conv|bn)")
_KERAS_BRANCHES = ("branch1", "branch2a", "branch2b", "branch2c")


@keras.saving.register_keras_serializable(package="deeplab_tf")
class ResNet(Backbone):
    """The ResNet backbone of the released networks at any output stride.

    At the published output stride of 8 all 3x3 convolutions of res4 have rate 2 and those of res5
    rate 4.

    Args:
        depth: 50, 101 or 152.
        output_stride: input pixels between two features: 1, 2, 4, 8, 16 or 32.
        width: factor on the number of channels.
        method: implementation of atrous convolution, see `AtrousConv2D`.
        batch_norm: `frozen` as released, `train` or `sync`, see `ConvNormAct`.
        multi_grid: factors on the rates of the three units of res5.
        **kwargs: name and dtype of the layer.

    Returns:
        Dict from `conv1`, `pool1`, `res2a`, ... `res5c` to feature maps; the last one feeds the
        head.

    Raises:
        ValueError: another depth, or another number of factors.

    Source: released DeepLab v2 ResNet-101 test.prototxt; Chen et al. 2016, section 4.1.2;
        multi-grid: Chen et al. 2017 (arXiv 1706.05587), section 4.2.1.
    """

    mean_rgb = MEAN_RGB
    takes_multi_grid = True
    keras_applications = ("ResNet50", "ResNet101", "ResNet152")
    keras_biases = True
    preprocess = staticmethod(to_caffe_input)

    def __init__(
        self,
        depth: int = 101,
        output_stride: int = 8,
        width: float = 1.0,
        method: str = "native",
        batch_norm: str = "frozen",
        multi_grid: Sequence[int] = (1, 1, 1),
        **kwargs: Any,
    ):
        super().__init__(output_stride, width, method, batch_norm, **kwargs)
        if depth not in UNITS:
            raise ValueError(f"depth must be one of {sorted(UNITS)}. Received: depth={depth}")
        if len(multi_grid) != UNITS[depth][-1]:
            raise ValueError(
                f"multi_grid must have {UNITS[depth][-1]} factors. "
                f"Received: multi_grid={tuple(multi_grid)}"
            )
        self.depth = depth
        self.multi_grid = tuple(multi_grid)
        # Stages with a stride: conv1, pool1, res3, res4, res5 (res2 follows pool1 directly).
        stem, pool, *later = plan_stages([2] * 5, output_stride)
        self.stem = ConvNormAct(
            self._channels(64),
            kernel_size=7,
            norm_name="bn_conv1",
            strides=stem.stride,
            batch_norm=batch_norm,
            name="conv1",
            dtype=self.dtype_policy,
        )
        self.pool = CaffePool2D(
            "max",
            strides=pool.stride,
            dilation_rate=pool.rate,
            name="pool1",
            dtype=self.dtype_policy,
        )
        strides_and_rates = [(1, pool.next_rate)] + [(p.stride, p.next_rate) for p in later]
        self.units = []
        for stage, (units, channels, (stride, rate)) in enumerate(
            zip(UNITS[depth], STAGE_CHANNELS, strides_and_rates, strict=True), 2
        ):
            self.units += self._stage(stage, units, channels, stride, rate)

    def _channels(self, channels: int) -> int:
        return max(1, round(channels * self.width))

    def _stage(
        self, stage: int, units: int, channels: int, stride: int, rate: int
    ) -> list[Bottleneck]:
        grid = self.multi_grid if stage == 5 else (1,) * units
        return [
            Bottleneck(
                self._channels(channels),
                name=f"res{stage}{_unit_letter(UNITS[self.depth], stage, i)}",
                strides=stride if i == 0 else 1,
                dilation_rate=rate * grid[i],
                project=i == 0,
                method=self.method,
                batch_norm=self.batch_norm,
                dtype=self.dtype_policy,
            )
            for i in range(units)
        ]

    @property
    def native_strides(self) -> dict[str, int]:
        """Stride of every map in the classification network."""
        return {"conv1": 2, "pool1": 4} | {u.name: 2 ** int(u.name[3]) for u in self.units}

    @property
    def receptive_field_radius(self) -> int:
        """Input pixels that a feature sees to each side."""
        return chain_radius([self.stem, self.pool, *self.units])

    def call(self, inputs: tf.Tensor, training: bool | None = False) -> dict[str, tf.Tensor]:
        """Extracts features from preprocessed images [B, H, W, 3]."""
        features = {"conv1": self.stem(inputs, training=training)}
        x = features["pool1"] = self.pool(features["conv1"])
        for unit in self.units:
            x = features[unit.name] = unit(x, training=training)
        return features

    @classmethod
    def keras_layer_names(cls, layers: Collection[str]) -> dict[str, str] | None:
        """Maps `conv4_block7_2_bn` to `bn4b6_branch2b`."""
        if "conv1_conv" not in layers or "conv1_bn" not in layers:
            return None
        parts = [part for part in map(_KERAS_LAYER.fullmatch, layers) if part]
        units = tuple(
            max((int(part[2]) for part in parts if part[1] == stage), default=0) for stage in "2345"
        )
        names = {"conv1_conv": "conv1", "conv1_bn": "bn_conv1"}
        for part in parts:
            stage, block, branch, kind = part.groups()
            unit = _unit_letter(units, int(stage), int(block) - 1)
            prefix = "res" if kind == "conv" else "bn"
            names[part[0]] = f"{prefix}{stage}{unit}_{_KERAS_BRANCHES[int(branch)]}"
        return names


def _unit_letter(units: tuple[int, ...], stage: int, index: int) -> str:
    """Names units a, b, c, ..., in the middle stages of a deep network a, b1, b2, ... as Caffe."""
    if units[2] > 6 and stage in (3, 4):
        return f"b{index}" if index else "a"
    return chr(ord("a") + index)
