"""ResNet-50, 101 and 152 as dense feature extractors."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any, ClassVar

import keras
import tensorflow as tf

from deeplab_tf.backbones.backbone import Backbone
from deeplab_tf.backbones.bottleneck import FORMS, Bottleneck
from deeplab_tf.backbones.caffe_input import MEAN_RGB, to_caffe_input
from deeplab_tf.backbones.stride import StagePlan, plan_stages
from deeplab_tf.layers.caffe_pool import CaffePool2D
from deeplab_tf.layers.conv_norm_act import ConvNormAct
from deeplab_tf.layers.receptive_field import chain_radius

# Residual units in stages 2 to 5, which are called res2 to res5 in Caffe.
UNITS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
STAGE_CHANNELS = (64, 128, 256, 512)
_KERAS_LAYER = re.compile(r"conv(\d)_block(\d+)_(\d)_(conv|bn)")
_KERAS_BRANCHES = ("branch1", "branch2a", "branch2b", "branch2c")


@keras.saving.register_keras_serializable(package="deeplab_tf")
class ResNet(Backbone):
    """The ResNet backbone of the released Caffe networks at any output stride.

    At the published output stride of 8 all 3x3 convolutions of res4 have rate 2 and those of res5
    rate 4. The other published forms are subclasses, which state what differs.

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

    Attributes:
        form: row of `bottleneck.FORMS`.
        stem_names: of the first convolution and its normalisation.
        strides_at_end: whether the last unit of a stage subsamples for the next one, instead of
            the first unit of that one.

    Source: released DeepLab v2 ResNet-101 test.prototxt; Chen et al. 2016, section 4.1.2;
        multi-grid: Chen et al. 2017 (arXiv 1706.05587), section 4.2.1.
    """

    form: ClassVar[str] = "caffe"
    stem_names: ClassVar[tuple[str, str]] = ("conv1", "bn_conv1")
    strides_at_end: ClassVar[bool] = False
    mean_rgb = MEAN_RGB
    takes_multi_grid = True
    keras_applications: ClassVar[tuple[str, ...]] = ("ResNet50", "ResNet101", "ResNet152")
    keras_biases: ClassVar[bool] = True
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
        # What has a stride: conv1, pool1 and three of the four stages.
        stem, pool, *later = plan_stages([2] * 5, output_stride)
        self.stem = self._stem(stem.stride)
        self.pool = CaffePool2D(
            "max",
            strides=pool.stride,
            dilation_rate=pool.rate,
            name="pool1",
            dtype=self.dtype_policy,
        )
        self.units = [
            self._unit(stage, index, plan)
            for (stage, index), plan in zip(self._places(), self._plans(pool, later), strict=True)
        ]

    # === Parts ===

    def _channels(self, channels: int) -> int:
        return max(1, round(channels * self.width))

    def _stem(self, strides: int) -> keras.layers.Layer:
        """Builds what comes before the first pool."""
        conv_name, norm_name = self.stem_names
        return ConvNormAct(
            self._channels(64),
            kernel_size=7,
            norm_name=norm_name,
            strides=strides,
            batch_norm=self.batch_norm,
            momentum=FORMS[self.form].momentum,
            name=conv_name,
            dtype=self.dtype_policy,
        )

    def _unit(self, stage: int, index: int, plan: StagePlan) -> Bottleneck:
        subsampled = plan.rate if FORMS[self.form].strides_3x3 else plan.next_rate
        return Bottleneck(
            self._channels(STAGE_CHANNELS[stage - 2]),
            name=self.unit_name(UNITS[self.depth], stage, index),
            strides=plan.stride,
            dilation_rate=subsampled * (self.multi_grid[index] if stage == 5 else 1),
            project=index == 0,
            method=self.method,
            batch_norm=self.batch_norm,
            form=self.form,
            dtype=self.dtype_policy,
        )

    def _places(self) -> list[tuple[int, int]]:
        """Returns the stage and the place in it of every unit."""
        stages = enumerate(UNITS[self.depth], 2)
        return [(stage, index) for stage, units in stages for index in range(units)]

    def _subsamples(self, stage: int, index: int) -> bool:
        """Returns whether a unit has a stride in the classification network."""
        if self.strides_at_end:
            return stage < 5 and index == UNITS[self.depth][stage - 2] - 1
        return stage > 2 and index == 0

    def _plans(self, pool: StagePlan, later: Sequence[StagePlan]) -> Iterator[StagePlan]:
        """Yields the stride of every unit, and the rates before and after it."""
        rate, plans = pool.next_rate, iter(later)
        for place in self._places():
            plan = next(plans) if self._subsamples(*place) else StagePlan(1, rate, rate)
            rate = plan.next_rate
            yield plan

    # === Facts ===

    @property
    def native_strides(self) -> dict[str, int]:
        """Stride of every map in the classification network."""
        strides, stride = {"conv1": 2, "pool1": 4}, 4
        for place, unit in zip(self._places(), self.units, strict=True):
            stride *= 2 if self._subsamples(*place) else 1
            strides[unit.name] = stride
        return strides

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

    # === Names ===

    @staticmethod
    def unit_name(units: Sequence[int], stage: int, index: int) -> str:
        """Names units a, b, c, ..., in the middle stages of a deep network a, b1, b2, ... as Caffe.

        Args:
            units: number of units in stages 2 to 5.
            stage: 2 to 5.
            index: of the unit in its stage, from 0.
        """
        if units[2] > 6 and stage in (3, 4):
            return f"res{stage}" + (f"b{index}" if index else "a")
        return f"res{stage}{chr(ord('a') + index)}"

    @classmethod
    def keras_layer_names(cls, layers: Collection[str]) -> dict[str, str] | None:
        """Maps `conv4_block7_2_bn` to `bn4b6_branch2b`."""
        if not cls.keras_applications or not {"conv1_conv", "conv1_bn"} <= set(layers):
            return None
        parts = [part for part in map(_KERAS_LAYER.fullmatch, layers) if part]
        units = tuple(
            max((int(part[2]) for part in parts if part[1] == stage), default=0) for stage in "2345"
        )
        names = {"conv1_conv": "conv1", "conv1_bn": "bn_conv1"}
        for part in parts:
            stage, block, branch, kind = part.groups()
            unit = cls.unit_name(units, int(stage), int(block) - 1)
            unit = unit if kind == "conv" else unit.replace("res", "bn")
            names[part[0]] = f"{unit}_{_KERAS_BRANCHES[int(branch)]}"
        return names
