"""The encoder and decoder of DeepLab v3+."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import keras
import tensorflow as tf

from deeplab_tf.backbones.backbone import Backbone
from deeplab_tf.heads.aspp_v3_head import AsppV3Head
from deeplab_tf.heads.head import HeadOptions
from deeplab_tf.layers.encoder_decoder import EncoderDecoder

LOW_LEVEL_STRIDE, LOW_LEVEL_FILTERS = 4, 48


class V3PlusHead(AsppV3Head):
    """The head of v3, refined by features of stride 4. Chen et al. 2018, figure 2.

    Logits lie on the grid of these features: every fourth pixel, or as dense as the output stride
    where that is smaller. The features are the last of the backbone before its third stride:
    `res2c` of a ResNet.

    Args:
        backbone: see `Head`.
        num_classes: see `Head`.
        options: see `Head`.
        rates: see `AsppV3Head`.

    Raises:
        ValueError: the backbone has no features of stride 4.
    """

    def __init__(
        self, backbone: Backbone, num_classes: int, options: HeadOptions, rates: Sequence[int]
    ):
        self.low_level = backbone.endpoint_at(LOW_LEVEL_STRIDE)
        super().__init__(backbone, num_classes, options, rates)

    def build(self, num_classes: int, options: HeadOptions) -> keras.layers.Layer:
        """Builds encoder, decoder and classifier."""
        low_level_filters = max(1, round(LOW_LEVEL_FILTERS * options.width))
        arguments = self.layer_arguments(options)
        return EncoderDecoder(num_classes, low_level_filters=low_level_filters, **arguments)

    def __call__(
        self,
        features: Mapping[str, tf.Tensor],
        training: bool | None = False,
        seeds: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Hands the last and the low-level features to the layer."""
        maps = [features[self.backbone.endpoint_at()], features[self.low_level]]
        return self.layer(maps, training=training, seeds=seeds)

    @property
    def logit_stride(self) -> int:
        """Input pixels between two logits: 4, or the output stride if that is smaller."""
        return self.backbone.feature_strides[self.low_level]

    @property
    def receptive_field_radius(self) -> int:
        """Pixels by the decoder's convolutions, by zooming and by the encoder's convolutions."""
        zoom = self.backbone.output_stride - self.logit_stride
        return self.layer.decoder_radius * self.logit_stride + zoom + super().receptive_field_radius
