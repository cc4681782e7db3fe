"""The head of DeepLab-LargeFOV and of every branch of ASPP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from deeplab_tf.layers.atrous_conv import AtrousConv2D
from deeplab_tf.layers.caffe_pool import CaffePool2D
from deeplab_tf.layers.configured import ConfigFromArguments
from deeplab_tf.layers.dropout import ExampleDropout
from deeplab_tf.layers.receptive_field import chain_radius

# Classifiers of the released networks start at a Gaussian of this deviation.
CLASSIFIER_INITIALIZER = {
    "class_name": "RandomNormal",
    "config": {"mean": 0.0, "stddev": 0.01},
}


@keras.saving.register_keras_serializable(package="deeplab_tf")
class LargeFOV(ConfigFromArguments, keras.layers.Layer):
    """Classifies features with a large field of view: an atrous convolution and two 1x1 layers.

    In the VGG form these are fc6 (k x k with holes), fc7 and fc8 of the classification network
    made convolutional, with ReLU and dropout. In the ResNet form (`filters=None`) the atrous
    convolution gives the logits at once.

    Args:
        num_classes: channels of the output.
        kernel_size: taps along a side of fc6.
        rate: distance of its taps in feature pixels; the window spans (kernel_size - 1) * rate
            pixels, so a larger rate sees more context at the same cost.
        filters: channels of fc6 and fc7, or None for the ResNet form.
        dropout: share of dropped activations after fc6 and fc7.
        pool_rate: rate of a 3x3 average pool before fc6 (pool5a), or None for no pool.
        suffix: end of the layers' names, such as `_1` in the first branch of ASPP.
        method: implementation of atrous convolution, see `AtrousConv2D`.
        **kwargs: name and dtype of the layer.

    Call arguments:
        inputs: features [B, H, W, C].
        training: dropout is on if True.
        seeds: see `ExampleDropout`.

    Returns:
        float32 logits [B, H, W, num_classes].

    Source: Chen et al. 2015, section 3.2; 2016, section 4.1.1 and 4.1.2.

    Example:
        >>> LargeFOV(num_classes=21, filters=64)(tf.zeros([1, 41, 41, 512])).shape
        TensorShape([1, 41, 41, 21])
    """

    def __init__(
        self,
        num_classes: int,
        kernel_size: int = 3,
        rate: int = 12,
        filters: int | None = 1024,
        dropout: float = 0.5,
        pool_rate: int | None = None,
        suffix: str = "",
        method: str = "native",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.kernel_size = kernel_size
        self.rate = rate
        self.filters = filters
        self.dropout = dropout
        self.pool_rate = pool_rate
        self.suffix = suffix
        self.method = method
        pool = pool_rate and CaffePool2D(
            "average", dilation_rate=pool_rate, name="pool5a", dtype=self.dtype_policy
        )
        self.pool = pool or None
        if filters is None:
            self.hidden = []
            self.classifier = self._conv("fc1", num_classes, kernel_size, rate, classifier=True)
        else:
            self.hidden = [
                self._conv("fc6", filters, kernel_size, rate),
                self._conv("fc7", filters, 1, 1),
            ]
            self.classifier = self._conv("fc8", num_classes, 1, 1, classifier=True)
        self.dropouts = [
            ExampleDropout(dropout, name=f"drop{i}{suffix}", dtype=self.dtype_policy)
            for i in (6, 7)[: len(self.hidden)]
        ]

    def _conv(
        self, name: str, filters: int, kernel_size: int, rate: int, classifier: bool = False
    ) -> AtrousConv2D:
        return AtrousConv2D(
            filters,
            kernel_size,
            dilation_rate=rate,
            method=self.method,
            activation=None if classifier else "relu",
            kernel_initializer=CLASSIFIER_INITIALIZER if classifier else "he_normal",
            name=name + self.suffix,
            # Logits keep full precision when the rest of the network does not.
            dtype="float32" if classifier else self.dtype_policy,
        )

    @property
    def receptive_field_radius(self) -> int:
        """Features that a logit sees to each side."""
        pools = [] if self.pool is None else [self.pool]
        return chain_radius([*pools, *self.hidden, self.classifier])

    def call(
        self,
        inputs: tf.Tensor,
        training: bool | None = False,
        seeds: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Returns the logits of features [B, H, W, C]."""
        x = inputs if self.pool is None else self.pool(inputs)
        for conv, dropout in zip(self.hidden, self.dropouts, strict=True):
            x = dropout(conv(x), training=training, seeds=seeds)
        return self.classifier(tf.cast(x, tf.float32))

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Returns the shape of the output."""
        return (*input_shape[:3], self.num_classes)
