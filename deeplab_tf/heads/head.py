"""The contract of a head: what `DeepLab` and training rely on."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import keras
import tensorflow as tf

from deeplab_tf.backbones.backbone import Backbone, RateMultipliers

# Rates of atrous convolutions are given for this output stride and scaled for others.
RATE_OUTPUT_STRIDE = 8


@dataclass(frozen=True)
class HeadOptions:
    """The arguments of `DeepLab` that heads share; each head reads those that it knows.

    Args:
        name: of the Keras layer: the row's name.
        width: factor on the number of channels.
        fc6_kernel: taps along a side of fc6 (VGG) or of the atrous classifiers (ResNet).
        fc6_rate: rate of fc6 in `large_fov`, for an output stride of 8.
        fc6_filters: channels of fc6 and fc7 at width 1, where the backbone has them.
        dropout: share of dropped activations when training.
        method: implementation of atrous convolution, see `AtrousConv2D`.
        batch_norm: `frozen`, `train` or `sync`, see `ConvNormAct`; for heads that have any.
        separable: whether 3x3 convolutions are depthwise separable (v3 and v3+).
        image_pooling: "global", "none", or the side in input pixels of the window over which the
            features are averaged (v3 and v3+).
        dtype: dtype policy of the layers; None takes Keras' global one.
    """

    name: str
    width: float = 1.0
    fc6_kernel: int = 3
    fc6_rate: int = 12
    fc6_filters: int = 1024
    dropout: float = 0.5
    method: str = "native"
    batch_norm: str = "frozen"
    separable: bool = False
    image_pooling: str = "global"
    dtype: Any = None


class Head(abc.ABC):
    """Turns the features of a backbone into logits.

    A new head is a subclass in a file of its own and a row in `HEADS`. The subclass builds a Keras
    layer, which carries the variables; everything else has a default that fits a head that
    classifies the last map. A decoder asks `backbone.endpoint_at(4)` for details, overrides
    `__call__` to hand them to its layer too, and states its own `logit_stride`. One that
    averages over the whole image states `has_global_context`.

    Args:
        backbone: whose features it gets.
        num_classes: channels of the logits.
        options: what the user asked for.

    What else a subclass takes in its constructor is fixed by its rows in `HEADS`.

    Attributes:
        backbone: the backbone.
        layer: the Keras layer.
        batch_norm: what `DeepLab(batch_norm=None)` becomes: a head that has normalisations of its
            own cannot learn while they are frozen at random.
    """

    batch_norm: ClassVar[str] = "frozen"

    def __init__(self, backbone: Backbone, num_classes: int, options: HeadOptions):
        self.backbone = backbone
        self.layer = self.build(num_classes, options)

    @abc.abstractmethod
    def build(self, num_classes: int, options: HeadOptions) -> keras.layers.Layer:
        """Builds the layer; called with `training` and `seeds`, see `ExampleDropout`.

        Its logits are float32 whatever its dtype policy is.
        """

    def __call__(
        self,
        features: Mapping[str, tf.Tensor],
        training: bool | None = False,
        seeds: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Turns all maps of the backbone by name into logits, float32 [B, h, w, num_classes]."""
        last = features[self.backbone.endpoint_at()]
        return self.layer(last, training=training, seeds=seeds)

    @property
    def logit_stride(self) -> int:
        """Input pixels between two logits: logit (i, j) lies at pixel (i * s, j * s)."""
        return self.backbone.output_stride

    @property
    def receptive_field_radius(self) -> int:
        """Input pixels from a logit to the farthest feature that its convolutions see.

        How far that feature sees is the backbone's, and comes on top of it.
        """
        return self.layer.receptive_field_radius * self.backbone.output_stride

    @property
    def has_global_context(self) -> bool:
        """Whether a logit depends on all of the image, beyond `receptive_field_radius`."""
        return False

    @classmethod
    def rate_multipliers(cls, backbone: type[Backbone]) -> RateMultipliers:
        """Returns factors on the learning rate of its variables; they go before the backbone's."""
        return ()


def scaled_rate(rate: int, output_stride: int) -> int:
    """Returns the rate that spans the same input pixels at another output stride.

    Args:
        rate: for an output stride of 8.
        output_stride: of the features.
    """
    return max(1, round(rate * RATE_OUTPUT_STRIDE / output_stride))
