"""Atrous spatial pyramid pooling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from deeplab_tf.layers.configured import ConfigFromArguments
from deeplab_tf.layers.large_fov import LargeFOV


@keras.saving.register_keras_serializable(package="deeplab_tf")
class ASPP(ConfigFromArguments, keras.layers.Layer):
    """Sums the logits of parallel branches that look at the features with different rates.

    Args:
        num_classes: channels of the output.
        rates: one rate a branch; see `LargeFOV`. ASPP-S is (2, 4, 8, 12), ASPP-L is
            (6, 12, 18, 24).
        kernel_size: taps along a side of every branch's first convolution.
        filters: channels of fc6 and fc7 in every branch, or None for the ResNet form, whose
            branches are single convolutions.
        dropout: share of dropped activations after fc6 and fc7.
        method: implementation of atrous convolution, see `AtrousConv2D`.
        **kwargs: name and dtype of the layer.

    Call arguments:
        inputs: features [B, H, W, C].
        training: dropout is on if True.
        seeds: see `ExampleDropout`.

    Returns:
        float32 logits [B, H, W, num_classes].

    Source: Chen et al. 2016, section 3.2 and 4.1.1 (VGG), 4.1.2 (ResNet).

    Example:
        >>> ASPP(num_classes=21, filters=None)(tf.zeros([1, 41, 41, 2048])).shape
        TensorShape([1, 41, 41, 21])
    """

    def __init__(
        self,
        num_classes: int,
        rates: Sequence[int] = (6, 12, 18, 24),
        kernel_size: int = 3,
        filters: int | None = 1024,
        dropout: float = 0.5,
        method: str = "native",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.rates = tuple(rates)
        self.kernel_size = kernel_size
        self.filters = filters
        self.dropout = dropout
        self.method = method
        # The released networks count VGG's branches from 1 and ResNet's from 0.
        suffix = "_c{}" if filters is None else "_{}"
        first = 0 if filters is None else 1
        self.branches = [
            LargeFOV(
                num_classes,
                kernel_size=kernel_size,
                rate=rate,
                filters=filters,
                dropout=dropout,
                suffix=suffix.format(i),
                method=method,
                name=f"branch{suffix.format(i)}",
                dtype=self.dtype_policy,
            )
            for i, rate in enumerate(self.rates, first)
        ]

    @property
    def receptive_field_radius(self) -> int:
        """Features that a logit sees to each side."""
        return max(branch.receptive_field_radius for branch in self.branches)

    def call(
        self,
        inputs: tf.Tensor,
        training: bool | None = False,
        seeds: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Returns the logits of features [B, H, W, C]."""
        return tf.add_n([b(inputs, training=training, seeds=seeds) for b in self.branches])

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Returns the shape of the output."""
        return (*input_shape[:3], self.num_classes)
