"""The aligned Xception as a dense feature extractor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from deeplab_tf.backbones.backbone import Backbone
from deeplab_tf.backbones.stride import plan_stages
from deeplab_tf.backbones.unit_input import MEAN_RGB, to_unit_input
from deeplab_tf.backbones.xception_unit import EPSILON, MOMENTUM, XceptionUnit
from deeplab_tf.layers.conv_norm_act import ConvNormAct
from deeplab_tf.layers.receptive_field import chain_radius

# Units in the middle flow, by the number of layers with which the networks are called.
MIDDLE_UNITS = {41: 8, 65: 16}


class Block(NamedTuple):
    """One block of the classification network; see `XceptionUnit`."""

    name: str
    filters: tuple[int, int, int]
    shortcut: str
    stride: int = 1
    activates_after: bool = False


@keras.saving.register_keras_serializable(package="deeplab_tf")
class Xception(Backbone):
    """The modified, aligned Xception of DeepLab v3+ at any output stride.

    Strided separable convolutions stand in place of max pooling. At an output stride of 8 the third
    block of the entry flow has stride 1, the middle flow rate 2 and the two blocks of the exit flow
    rates 2 and 4.

    Layers have the names of the released checkpoints with `_` in place of `/` and without
    `xception_module`: `xception_65/entry_flow/block1/unit_1/xception_module/shortcut/weights` is
    `entry_flow_block1_unit_1_shortcut/kernel` here, `depthwise_weights` is `kernel`, and
    `.../shortcut/BatchNorm/gamma` is `entry_flow_block1_unit_1_shortcut_norm/gamma`.

    Args:
        depth: 41 or 65: 8 or 16 units in the middle flow.
        output_stride: input pixels between two features: 1, 2, 4, 8, 16 or 32.
        width: factor on the number of channels.
        method: implementation of atrous convolution, without effect on depthwise ones.
        batch_norm: `frozen`, `train` or `sync`, see `ConvNormAct`.
        multi_grid: factors on the rates of the three convolutions of the last block.
        **kwargs: name and dtype of the layer.

    Returns:
        Dict from `entry_flow_conv1_1`, `entry_flow_conv1_2`, and the names of the units, such as
        `entry_flow_block1_unit_1` and `middle_flow_block1_unit_16`, to feature maps; the last one
        feeds the head. The details of stride 4, 8 and 16 that the released code hands to decoders
        are what the second separable convolution gives in the block with the next stride, such as
        `entry_flow_block2_unit_1_separable_conv2_pointwise`, without activation.

    Raises:
        ValueError: another depth, or other than three factors.

    Source: Chen et al. 2018 (arXiv 1802.02611), figure 4; tensorflow/models,
        research/deeplab/core/xception.py.
    """

    mean_rgb = MEAN_RGB
    takes_multi_grid = True
    preprocess = staticmethod(to_unit_input)

    def __init__(
        self,
        depth: int = 65,
        output_stride: int = 16,
        width: float = 1.0,
        method: str = "native",
        batch_norm: str = "frozen",
        multi_grid: Sequence[int] = (1, 1, 1),
        **kwargs: Any,
    ):
        super().__init__(output_stride, width, method, batch_norm, **kwargs)
        if depth not in MIDDLE_UNITS:
            raise ValueError(
                f"depth must be one of {sorted(MIDDLE_UNITS)}. Received: depth={depth}"
            )
        if len(multi_grid) != 3:
            raise ValueError(
                f"multi_grid must have 3 factors. Received: multi_grid={tuple(multi_grid)}"
            )
        self.depth = depth
        self.multi_grid = tuple(multi_grid)
        stem, *plans = plan_stages([2] * 5, output_stride)
        self.stem = [
            self._convolution("entry_flow_conv1_1", 32, strides=stem.stride),
            self._convolution("entry_flow_conv1_2", 64, dilation_rate=stem.next_rate),
        ]
        self._native_strides = {layer.name: 2 for layer in self.stem}
        self.units: list[XceptionUnit] = []
        rate, native = stem.next_rate, 2
        for block in _blocks(MIDDLE_UNITS[depth]):
            stride, next_rate = 1, rate
            if block.stride == 2:
                stride, rate, next_rate = plans.pop(0)
            self.units.append(self._unit(block, stride, rate))
            if block.stride == 2 and native > 2:
                self._native_strides[_details(block.name)] = native
            native *= block.stride
            self._native_strides[block.name] = native
            rate = next_rate

    def _convolution(self, name: str, filters: int, **options: Any) -> ConvNormAct:
        return ConvNormAct(
            max(1, round(filters * self.width)),
            3,
            method=self.method,
            batch_norm=self.batch_norm,
            momentum=MOMENTUM,
            epsilon=EPSILON,
            name=name,
            dtype=self.dtype_policy,
            **options,
        )

    def _unit(self, block: Block, stride: int, rate: int) -> XceptionUnit:
        return XceptionUnit(
            [max(1, round(filters * self.width)) for filters in block.filters],
            strides=stride,
            dilation_rate=rate,
            unit_rates=self.multi_grid if block.activates_after else (1, 1, 1),
            shortcut=block.shortcut,
            activates_after=block.activates_after,
            batch_norm=self.batch_norm,
            name=block.name,
            dtype=self.dtype_policy,
        )

    @property
    def native_strides(self) -> dict[str, int]:
        """Stride of every map in the classification network."""
        return dict(self._native_strides)

    @property
    def receptive_field_radius(self) -> int:
        """Input pixels that a feature sees to each side."""
        return chain_radius([*self.stem, *self.units])

    def call(self, inputs: tf.Tensor, training: bool | None = False) -> dict[str, tf.Tensor]:
        """Extracts features from preprocessed images [B, H, W, 3]."""
        maps, x = {}, inputs
        for layer in self.stem:
            x = maps[layer.name] = layer(x, training=training)
        for unit in self.units:
            x, details = unit(x, training=training)
            maps |= {unit.name: x, _details(unit.name): details}
        return {name: maps[name] for name in self._native_strides}


def _blocks(middle_units: int) -> list[Block]:
    middle = [
        Block(f"middle_flow_block1_unit_{i + 1}", (728, 728, 728), "sum")
        for i in range(middle_units)
    ]
    return [
        Block("entry_flow_block1_unit_1", (128, 128, 128), "conv", stride=2),
        Block("entry_flow_block2_unit_1", (256, 256, 256), "conv", stride=2),
        Block("entry_flow_block3_unit_1", (728, 728, 728), "conv", stride=2),
        *middle,
        Block("exit_flow_block1_unit_1", (728, 1024, 1024), "conv", stride=2),
        Block("exit_flow_block2_unit_1", (1536, 1536, 2048), "none", activates_after=True),
    ]


def _details(unit: str) -> str:
    return f"{unit}_separable_conv2_pointwise"
