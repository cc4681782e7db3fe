"""The residual unit of ResNet-50, 101 and 152, in the forms of the published weights."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from deeplab_tf.layers.configured import ConfigFromArguments
from deeplab_tf.layers.conv_norm_act import ConvNormAct
from deeplab_tf.layers.receptive_field import chain_radius

EXPANSION = 4


class UnitForm(NamedTuple):
    """What differs between the published ResNets inside a unit.

    Attributes:
        strides_3x3: whether the stride is on the 3x3 convolution instead of the first 1x1.
        momentum: share of the old statistics that an update of batch normalisation keeps.
        names: patterns for the names of convolution and normalisation, in the order shortcut,
            reduce, spatial, expand; `{}` is the name of the unit without "res".
    """

    strides_3x3: bool
    momentum: float
    names: tuple[tuple[str, str], ...]


FORMS = {
    # He et al. 2015, the released .prototxt files: res4b12_branch2a and bn4b12_branch2a.
    "caffe": UnitForm(
        strides_3x3=False,
        momentum=0.999,
        names=tuple((f"res{{}}_branch{b}", f"bn{{}}_branch{b}") for b in ("1", "2a", "2b", "2c")),
    ),
    # torchvision's state_dict: layer3.12.conv1 and layer3.12.bn1. It writes momentum as 0.1.
    "torchvision": UnitForm(
        strides_3x3=True,
        momentum=0.9,
        names=(
            ("{}.downsample.0", "{}.downsample.1"),
            *((f"{{}}.conv{i}", f"{{}}.bn{i}") for i in (1, 2, 3)),
        ),
    ),
    # TensorFlow's research/deeplab: block3/unit_13/bottleneck_v1/conv1 and its BatchNorm.
    "slim": UnitForm(
        strides_3x3=True,
        momentum=0.95,
        names=tuple(
            (f"{{}}_{part}", f"{{}}_{part}_norm")
            for part in ("shortcut", "conv1", "conv2", "conv3")
        ),
    ),
}


@keras.saving.register_keras_serializable(package="deeplab_tf")
class Bottleneck(ConfigFromArguments, keras.layers.Layer):
    """A residual unit 1x1, 3x3, 1x1.

    Args:
        channels: channels of the 3x3 convolution; the output has four times as many.
        strides: subsampling, by the convolution that the form says.
        dilation_rate: rate of the 3x3 convolution.
        project: whether the shortcut is a 1x1 convolution (first unit of a stage); otherwise it is
            the input, subsampled if there is a stride.
        method: implementation of atrous convolution.
        batch_norm: see `ConvNormAct`.
        form: row of `FORMS`.
        **kwargs: dtype and name of the unit, such as `res4b12`.
    """

    def __init__(
        self,
        channels: int,
        strides: int = 1,
        dilation_rate: int = 1,
        project: bool = False,
        method: str = "native",
        batch_norm: str = "frozen",
        form: str = "caffe",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.channels = channels
        self.strides = strides
        self.dilation_rate = dilation_rate
        self.project = project
        self.method = method
        self.batch_norm = batch_norm
        self.form = form
        strides_3x3, momentum, all_names = FORMS[form]

        def conv_norm(
            names: tuple[str, str], filters: int, kernel_size: int = 1, **options: Any
        ) -> ConvNormAct:
            conv_name, norm_name = (n.format(self.name.removeprefix("res")) for n in names)
            return ConvNormAct(
                filters,
                kernel_size,
                norm_name=norm_name,
                method=method,
                batch_norm=batch_norm,
                momentum=momentum,
                name=conv_name,
                dtype=self.dtype_policy,
                **options,
            )

        outputs = channels * EXPANSION
        stride_1x1, stride_3x3 = (1, strides) if strides_3x3 else (strides, 1)
        shortcut, reduce, spatial, expand = all_names
        self.shortcut = (
            conv_norm(shortcut, outputs, strides=strides, activation=None) if project else None
        )
        self.reduce = conv_norm(reduce, channels, strides=stride_1x1)
        self.spatial = conv_norm(
            spatial, channels, kernel_size=3, strides=stride_3x3, dilation_rate=dilation_rate
        )
        self.expand = conv_norm(expand, outputs, activation=None)

    @property
    def receptive_field_radius(self) -> int:
        """Input pixels that an output sees to each side."""
        return chain_radius([self.reduce, self.spatial, self.expand])

    def call(self, inputs: tf.Tensor, training: bool | None = False) -> tf.Tensor:
        """Returns a tensor [B, H / strides, W / strides, 4 * channels]."""
        shortcut = residual = inputs
        if self.shortcut is not None:
            shortcut = self.shortcut(inputs, training=training)
        elif self.strides > 1:
            shortcut = inputs[:, :: self.strides, :: self.strides]
        for part in (self.reduce, self.spatial, self.expand):
            residual = part(residual, training=training)
        return keras.activations.relu(shortcut + residual)
