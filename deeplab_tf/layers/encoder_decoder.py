"""The layers behind the backbone of DeepLab v3 and v3+."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from deeplab_tf.layers.aspp_v3 import RELEASED_NORM, ASPPv3, conv3x3
from deeplab_tf.layers.atrous_conv import AtrousConv2D
from deeplab_tf.layers.configured import ConfigFromArguments
from deeplab_tf.layers.conv_norm_act import ConvNormAct
from deeplab_tf.layers.receptive_field import chain_radius
from deeplab_tf.layers.resize import resize

# Classifiers of the released networks start at a truncated Gaussian of this deviation.
CLASSIFIER_INITIALIZER = {
    "class_name": "TruncatedNormal",
    "config": {"mean": 0.0, "stddev": 0.01},
}


@keras.saving.register_keras_serializable(package="deeplab_tf")
class PyramidClassifier(ConfigFromArguments, keras.layers.Layer):
    """DeepLab v3: `ASPPv3`, then one 1x1 convolution with bias to the logits.

    Args:
        num_classes: channels of the logits.
        rates: see `ASPPv3`, as for the arguments that follow.
        filters: see `ASPPv3`.
        image_pooling: see `ASPPv3`.
        separable: see `ASPPv3`.
        dropout: see `ASPPv3`.
        method: see `ASPPv3`.
        batch_norm: see `ASPPv3`.
        **kwargs: name and dtype of the layer.

    Call arguments:
        inputs: features [B, H, W, C].
        training: see `ASPPv3`.
        seeds: see `ExampleDropout`.

    Returns:
        float32 logits [B, H, W, num_classes].

    Source: Chen et al. 2017 (arXiv 1706.05587), section 3.3.
    """

    def __init__(
        self,
        num_classes: int,
        rates: Sequence[int] = (6, 12, 18),
        filters: int = 256,
        image_pooling: str | int = "global",
        separable: bool = False,
        dropout: float = 0.1,
        method: str = "native",
        batch_norm: str = "train",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.rates = tuple(rates)
        self.filters = filters
        self.image_pooling = image_pooling
        self.separable = separable
        self.dropout = dropout
        self.method = method
        self.batch_norm = batch_norm
        self.encoder = ASPPv3(
            rates,
            filters,
            image_pooling,
            separable,
            dropout,
            method,
            batch_norm,
            name="aspp",
            dtype=self.dtype_policy,
        )
        self.classifier = AtrousConv2D(
            num_classes,
            1,
            kernel_initializer=CLASSIFIER_INITIALIZER,
            name="logits",
            # Logits keep full precision when the rest of the network does not.
            dtype="float32",
        )

    def call(
        self,
        inputs: tf.Tensor,
        training: bool | None = False,
        seeds: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Returns the logits of features [B, H, W, C]."""
        encoded = self.encoder(inputs, training=training, seeds=seeds)
        return self.classifier(tf.cast(encoded, tf.float32))


@keras.saving.register_keras_serializable(package="deeplab_tf")
class EncoderDecoder(PyramidClassifier):
    """DeepLab v3+: a decoder joins what the encoder sees and details of the image.

    Args:
        num_classes: channels of the logits.
        rates: see `ASPPv3`, as for the arguments that follow; `filters`, `separable`, `method` and
            `batch_norm` are of the decoder's 3x3 convolutions too.
        filters: see `ASPPv3`.
        image_pooling: see `ASPPv3`.
        separable: see `ASPPv3`.
        dropout: see `ASPPv3`.
        method: see `ASPPv3`.
        batch_norm: see `ASPPv3`.
        low_level_filters: channels that the details are projected to; few, so that they do not
            outweigh the encoder's.
        **kwargs: name and dtype of the layer.

    Call arguments:
        inputs: two maps: the last features [B, H, W, C] and low-level features [B, h, w, c].
        training: see `ASPPv3`.
        seeds: see `ExampleDropout`.

    Returns:
        float32 logits [B, h, w, num_classes], on the grid of the low-level features.

    Source: Chen et al. 2018 (arXiv 1802.02611), figure 2 and section 4.2.

    Example:
        >>> maps = [tf.zeros([1, 33, 33, 2048]), tf.zeros([1, 129, 129, 256])]
        >>> EncoderDecoder(num_classes=21)(maps).shape
        TensorShape([1, 129, 129, 21])
    """

    def __init__(
        self,
        num_classes: int,
        rates: Sequence[int] = (6, 12, 18),
        filters: int = 256,
        image_pooling: str | int = "global",
        separable: bool = False,
        dropout: float = 0.1,
        method: str = "native",
        batch_norm: str = "train",
        low_level_filters: int = 48,
        **kwargs: Any,
    ):
        super().__init__(
            num_classes,
            rates,
            filters,
            image_pooling,
            separable,
            dropout,
            method,
            batch_norm,
            **kwargs,
        )
        self.low_level_filters = low_level_filters
        options: dict[str, Any] = {"batch_norm": batch_norm, "dtype": self.dtype_policy}
        self.low_level_projection = ConvNormAct(
            low_level_filters, 1, name="feature_projection0", **RELEASED_NORM, **options
        )
        self.refinement = [
            conv3x3(filters, separable=separable, method=method, name=f"decoder_conv{i}", **options)
            for i in range(2)
        ]

    @property
    def decoder_radius(self) -> int:
        """Points of the logits' grid that a logit sees to each side."""
        return chain_radius(self.refinement)

    def call(
        self,
        inputs: Sequence[tf.Tensor],
        training: bool | None = False,
        seeds: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Returns the logits of the last and the low-level features."""
        features, low_level_features = inputs
        # Encoder: atrous spatial pyramid pooling, 1x1 convolution.
        encoded = self.encoder(features, training=training, seeds=seeds)
        # Decoder: both on one grid, concatenated, then 3x3 convolutions.
        details = self.low_level_projection(low_level_features, training=training)
        zoomed = resize(encoded, tf.unstack(tf.shape(details)[1:3]))
        joined = tf.concat([tf.cast(zoomed, details.dtype), details], axis=-1)
        for conv in self.refinement:
            joined = conv(joined, training=training)
        return self.classifier(tf.cast(joined, tf.float32))
