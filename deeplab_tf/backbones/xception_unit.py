"""The unit of the aligned Xception: three separable convolutions beside a shortcut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from deeplab_tf.layers.configured import ConfigFromArguments
from deeplab_tf.layers.conv_norm_act import ConvNormAct
from deeplab_tf.layers.receptive_field import chain_radius
from deeplab_tf.layers.separable_conv_norm_act import SeparableConvNormAct

SHORTCUTS = ("conv", "sum", "none")
# As released for the Xceptions.
MOMENTUM = 0.9997
EPSILON = 1e-3


@keras.saving.register_keras_serializable(package="deeplab_tf")
class XceptionUnit(ConfigFromArguments, keras.layers.Layer):
    """Three separable convolutions, the last of them with the stride, plus a shortcut.

    Each of the three is a ReLU, a depthwise convolution with batch normalisation and a pointwise
    one with batch normalisation. Their names begin with the unit's:
    `entry_flow_block1_unit_1_separable_conv2_pointwise`.

    Args:
        filters: output channels of the three.
        strides: subsampling of the third, and of the shortcut.
        dilation_rate: rate of the three.
        unit_rates: factors on the rates of the three (multi-grid).
        shortcut: what is added: `conv`, a 1x1 convolution of the input with batch normalisation;
            `sum`, the input; `none`, nothing.
        activates_after: whether a ReLU follows each depthwise and each pointwise convolution,
            instead of one before each depthwise convolution; in the last block.
        batch_norm: see `ConvNormAct`.
        **kwargs: name and dtype of the layer.

    Call arguments:
        inputs: tensor [B, H, W, C].
        training: see `ConvNormAct`.

    Returns:
        The output [B, ceil(H / strides), ceil(W / strides), filters[2]], and that of the second
        convolution [B, H, W, filters[1]], which the released code hands to decoders.

    Raises:
        ValueError: other than three channels or factors, or an unknown shortcut.

    Source: `xception_module` of tensorflow/models, research/deeplab/core/xception.py; Chen et al.
        2018 (arXiv 1802.02611), figure 4, which has a ReLU after every depthwise convolution: the
        released code has it in the last block only.
    """

    def __init__(
        self,
        filters: Sequence[int],
        strides: int = 1,
        dilation_rate: int = 1,
        unit_rates: Sequence[int] = (1, 1, 1),
        shortcut: str = "conv",
        activates_after: bool = False,
        batch_norm: str = "frozen",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if len(filters) != 3 or len(unit_rates) != 3:
            raise ValueError(
                "filters and unit_rates must have three numbers each. "
                f"Received: filters={tuple(filters)}, unit_rates={tuple(unit_rates)}"
            )
        if shortcut not in SHORTCUTS:
            raise ValueError(
                f"shortcut must be one of {SHORTCUTS}. Received: shortcut={shortcut!r}"
            )
        self.filters = tuple(filters)
        self.strides = strides
        self.dilation_rate = dilation_rate
        self.unit_rates = tuple(unit_rates)
        self.shortcut = shortcut
        self.activates_after = activates_after
        self.batch_norm = batch_norm
        options = {
            "batch_norm": batch_norm,
            "momentum": MOMENTUM,
            "epsilon": EPSILON,
            "dtype": self.dtype_policy,
        }
        self.convolutions = [
            SeparableConvNormAct(
                self.filters[i],
                3,
                strides=strides if i == 2 else 1,
                dilation_rate=dilation_rate * self.unit_rates[i],
                activation="relu" if activates_after else None,
                name=f"{self.name}_separable_conv{i + 1}",
                **options,
            )
            for i in range(3)
        ]
        self.projection = None
        if shortcut == "conv":
            self.projection = ConvNormAct(
                self.filters[2],
                1,
                strides=strides,
                activation=None,
                name=f"{self.name}_shortcut",
                **options,
            )

    @property
    def receptive_field_radius(self) -> int:
        """Input pixels that an output sees to each side."""
        return chain_radius([convolution.depthwise for convolution in self.convolutions])

    def call(self, inputs: tf.Tensor, training: bool | None = False) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the output and that of the second convolution."""
        x, maps = inputs, []
        for convolution in self.convolutions:
            x = convolution(x if self.activates_after else tf.nn.relu(x), training=training)
            maps.append(x)
        if self.projection is not None:
            x += self.projection(inputs, training=training)
        elif self.shortcut == "sum":
            x += inputs
        return x, maps[1]
