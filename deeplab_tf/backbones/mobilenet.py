"""What the mobile networks have in common: a convolution, then a table of inverted residuals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from deeplab_tf.backbones.backbone import Backbone
from deeplab_tf.backbones.inverted_residual import EPSILON, MOMENTUM, InvertedResidual
from deeplab_tf.backbones.stride import plan_stages
from deeplab_tf.backbones.unit_input import MEAN_RGB, to_unit_input
from deeplab_tf.layers.conv_norm_act import ConvNormAct
from deeplab_tf.layers.receptive_field import chain_radius

# Strides of which the released code takes the details for a decoder.
_DETAILS = (4, 8, 16)


class Convolution(NamedTuple):
    """A convolution with normalisation at the start or end of a network."""

    name: str
    filters: int
    kernel_size: int
    activation: str


class Unit(NamedTuple):
    """One inverted residual of the classification network; see `InvertedResidual`."""

    filters: int
    expanded: int | None
    kernel_size: int
    stride: int
    activation: str
    squeezed: int | None = None


class MobileNet(Backbone):
    """Base class of MobileNetV2, V3 and EfficientNet-Lite; a subclass gives a table of its layers.

    Args:
        first: the convolution of stride 2 at the start.
        units: the inverted residuals.
        prefix: of the names `{prefix}_1` and so on; the first unit is `expanded_conv`.
        last: a convolution after them, or None.
        **kwargs: of `Backbone`.

    Returns:
        Dict from the names of the convolutions and units to feature maps; the last one feeds the
        head. After the last unit of strides 4, 8 and 16 comes the map of its depthwise convolution,
        such as `block_2_depthwise`, which the released code hands to decoders.
    """

    mean_rgb = MEAN_RGB
    preprocess = staticmethod(to_unit_input)

    def __init__(
        self,
        first: Convolution,
        units: Sequence[Unit],
        prefix: str,
        last: Convolution | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        stem, *plans = plan_stages([2] * 5, self.output_stride)
        self.first = self._convolution(first, stem.stride)
        self.units: list[InvertedResidual] = []
        channels, rate, native = first.filters, stem.next_rate, 2
        self._native_strides = {first.name: native}
        for i, unit in enumerate(units):
            stride, next_rate = 1, rate
            if unit.stride == 2:
                if native in _DETAILS:
                    self._native_strides[f"{self.units[-1].name}_depthwise"] = native
                stride, rate, next_rate = plans.pop(0)
                native *= 2
            layer = InvertedResidual(
                unit.filters,
                unit.expanded,
                kernel_size=unit.kernel_size,
                strides=stride,
                dilation_rate=rate,
                # As in the classification network: where it has a stride, nothing is added.
                residual=unit.stride == 1 and channels == unit.filters,
                squeezed=unit.squeezed,
                activation=unit.activation,
                batch_norm=self.batch_norm,
                name=f"{prefix}_{i}" if i else "expanded_conv",
                dtype=self.dtype_policy,
            )
            self.units.append(layer)
            self._native_strides[layer.name] = native
            channels, rate = unit.filters, next_rate
        self.last = None
        if last is not None:
            self.last = self._convolution(last)
            self._native_strides[last.name] = native

    def _convolution(self, settings: Convolution, stride: int = 1) -> ConvNormAct:
        return ConvNormAct(
            settings.filters,
            settings.kernel_size,
            strides=stride,
            method=self.method,
            activation=settings.activation,
            batch_norm=self.batch_norm,
            momentum=MOMENTUM,
            epsilon=EPSILON,
            name=settings.name,
            dtype=self.dtype_policy,
        )

    @property
    def native_strides(self) -> dict[str, int]:
        """Stride of every map in the classification network."""
        return dict(self._native_strides)

    @property
    def receptive_field_radius(self) -> int:
        """Input pixels that a feature sees to each side by its convolutions."""
        return chain_radius([self.first, *self.units])

    def call(self, inputs: tf.Tensor, training: bool | None = False) -> dict[str, tf.Tensor]:
        """Extracts features from preprocessed images [B, H, W, 3]."""
        x = self.first(inputs, training=training)
        maps = {self.first.name: x}
        for unit in self.units:
            x, depthwise = unit(x, training=training)
            maps |= {unit.name: x, f"{unit.name}_depthwise": depthwise}
        if self.last is not None:
            maps[self.last.name] = self.last(x, training=training)
        return {name: maps[name] for name in self._native_strides}
