"""The head of DeepLab v3: atrous spatial pyramid pooling with image-level features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from deeplab_tf.backbones.backbone import Backbone
from deeplab_tf.heads.head import Head, HeadOptions, scaled_rate
from deeplab_tf.layers.encoder_decoder import PyramidClassifier

FILTERS = 256


class AsppV3Head(Head):
    """Parallel branches with batch normalisation, joined. Chen et al. 2017, section 3.3.

    Args:
        backbone: see `Head`.
        num_classes: see `Head`.
        options: see `Head`.
        rates: of the atrous branches, for an output stride of 8.
    """

    batch_norm = "train"

    def __init__(
        self, backbone: Backbone, num_classes: int, options: HeadOptions, rates: Sequence[int]
    ):
        self.rates = tuple(rates)
        super().__init__(backbone, num_classes, options)

    def build(self, num_classes: int, options: HeadOptions) -> keras.layers.Layer:
        """Builds the pyramid and its classifier."""
        return PyramidClassifier(num_classes, **self.layer_arguments(options))

    def layer_arguments(self, options: HeadOptions) -> dict[str, Any]:
        """Returns the arguments of the layer that the user and the backbone decide."""
        stride = self.backbone.output_stride
        pooling: str | int = options.image_pooling
        if pooling not in ("global", "none"):
            # As many features as lie in a window of so many pixels.
            pooling = (int(pooling) - 1) // stride + 1
        return {
            "rates": [scaled_rate(rate, stride) for rate in self.rates],
            "filters": max(1, round(FILTERS * options.width)),
            "image_pooling": pooling,
            "separable": options.separable,
            "dropout": options.dropout,
            "method": options.method,
            "batch_norm": options.batch_norm,
            "name": options.name,
            "dtype": options.dtype,
        }

    @property
    def has_global_context(self) -> bool:
        """Whether there is image pooling."""
        return self.layer.encoder.has_global_context

    @property
    def receptive_field_radius(self) -> int:
        """Input pixels from a logit to the farthest feature that its convolutions see."""
        return self.layer.encoder.receptive_field_radius * self.backbone.output_stride
