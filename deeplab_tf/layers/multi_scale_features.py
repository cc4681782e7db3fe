"""The multi-scale features of DeepLab v1 (not the multi-scale inputs of v2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from deeplab_tf.layers.atrous_conv import AtrousConv2D
from deeplab_tf.layers.configured import ConfigFromArguments
from deeplab_tf.layers.dropout import ExampleDropout
from deeplab_tf.layers.large_fov import CLASSIFIER_INITIALIZER


@keras.saving.register_keras_serializable(package="deeplab_tf")
class MultiScaleBranch(ConfigFromArguments, keras.layers.Layer):
    """Classifies one early map: a strided 3x3, a 1x1 and a 1x1 classifier.

    Args:
        num_classes: channels of the output.
        stride: subsampling from the map to the output stride.
        filters: channels of the two convolutions.
        dropout: share of dropped activations after each of them.
        **kwargs: dtype and the name that the layers' names begin with.
    """

    def __init__(
        self,
        num_classes: int,
        stride: int,
        filters: int = 128,
        dropout: float = 0.5,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.stride = stride
        self.filters = filters
        self.dropout = dropout
        options = {"activation": "relu", "dtype": self.dtype_policy}
        self.convs = [
            AtrousConv2D(filters, 3, strides=stride, name=f"{self.name}_conv1", **options),
            AtrousConv2D(filters, 1, name=f"{self.name}_conv2", **options),
        ]
        self.dropouts = [
            ExampleDropout(dropout, name=f"{self.name}_drop{i}", dtype=self.dtype_policy)
            for i in (1, 2)
        ]
        self.classifier = AtrousConv2D(
            num_classes,
            1,
            kernel_initializer=CLASSIFIER_INITIALIZER,
            name=f"{self.name}_fc8",
            dtype="float32",
        )

    def call(
        self,
        inputs: tf.Tensor,
        training: bool | None = False,
        seeds: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Returns the logits of a map [B, H, W, C]."""
        x = inputs
        for conv, dropout in zip(self.convs, self.dropouts, strict=True):
            x = dropout(conv(x), training=training, seeds=seeds)
        return self.classifier(tf.cast(x, tf.float32))


@keras.saving.register_keras_serializable(package="deeplab_tf")
class MultiScaleFeatures(ConfigFromArguments, keras.layers.Layer):
    """Classifies the image and early maps; the logits are added to those of the head.

    The branches' logits are summed, which equals the paper's concatenation of their features in
    front of one classifier.

    Args:
        num_classes: channels of the output.
        strides: subsampling of every branch, from its map to the output stride.
        filters: channels of every branch's convolutions.
        dropout: share of dropped activations.
        **kwargs: name and dtype of the layer.

    Call arguments:
        inputs: list of maps [B, H_i, W_i, C_i], one a branch.
        training: dropout is on if True.
        seeds: see `ExampleDropout`.

    Returns:
        float32 logits [B, H, W, num_classes].

    Source: Chen et al. 2015, section 4.3; released DeepLab-MSc networks.
    """

    def __init__(
        self,
        num_classes: int,
        strides: Sequence[int] = (8, 4, 2, 1, 1),
        filters: int = 128,
        dropout: float = 0.5,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.strides = tuple(strides)
        self.filters = filters
        self.dropout = dropout
        self.branches = [
            MultiScaleBranch(
                num_classes, stride, filters, dropout, name=f"msc{i}", dtype=self.dtype_policy
            )
            for i, stride in enumerate(self.strides)
        ]

    def call(
        self,
        inputs: Sequence[tf.Tensor],
        training: bool | None = False,
        seeds: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Returns the logits of a list of maps, summed."""
        logits = [
            branch(maps, training=training, seeds=seeds)
            for maps, branch in zip(inputs, self.branches, strict=True)
        ]
        return tf.add_n(logits)
