"""Atrous spatial pyramid pooling of DeepLab v3: the last part of the encoder of v3+."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from deeplab_tf.layers.configured import ConfigFromArguments
from deeplab_tf.layers.conv_norm_act import ConvNormAct
from deeplab_tf.layers.dropout import ExampleDropout
from deeplab_tf.layers.image_pooling import ImagePooling
from deeplab_tf.layers.separable_conv_norm_act import SeparableConvNormAct

# Of every normalisation of the heads of v3 and v3+.
RELEASED_NORM: dict[str, Any] = {"momentum": 0.9997, "epsilon": 1e-5}


def conv3x3(
    filters: int, rate: int = 1, *, separable: bool, method: str, **options: Any
) -> keras.layers.Layer:
    """Builds a 3x3 convolution with normalisation and ReLU.

    Args:
        filters: number of output channels.
        rate: distance of two taps in pixels.
        separable: whether it is depthwise separable: fewer weights and operations.
        method: see `AtrousConv2D`; for one that is not separable.
        **options: of `ConvNormAct` and `SeparableConvNormAct`.
    """
    if separable:
        return SeparableConvNormAct(filters, 3, dilation_rate=rate, **RELEASED_NORM, **options)
    return ConvNormAct(filters, 3, dilation_rate=rate, method=method, **RELEASED_NORM, **options)


@keras.saving.register_keras_serializable(package="deeplab_tf")
class ASPPv3(ConfigFromArguments, keras.layers.Layer):
    """Looks at features at several rates and as a whole, and joins what it sees.

    Branches that run in parallel, each with batch normalisation and ReLU: a 1x1 convolution, a 3x3
    convolution at every rate, and the average over the image. They are concatenated and projected.

    Args:
        rates: of the 3x3 convolutions; (6, 12, 18) at an output stride of 16, twice that at 8.
        filters: channels of every branch and of the output.
        image_pooling: "global" for the average over the image, "none" for none, or the side in
            features of the windows that are averaged, see `ImagePooling`.
        separable: whether the 3x3 convolutions are depthwise separable, as in v3+.
        dropout: share of dropped outputs when training.
        method: implementation of atrous convolution, see `AtrousConv2D`.
        batch_norm: see `ConvNormAct`.
        **kwargs: name and dtype of the layer.

    Call arguments:
        inputs: features [B, H, W, C].
        training: dropout is on if True, and normalisations that are not frozen learn.
        seeds: see `ExampleDropout`.

    Returns:
        Tensor [B, H, W, filters].

    Source: Chen et al. 2017 (arXiv 1706.05587), section 3.3 and figure 5; separable: Chen et al.
        2018 (arXiv 1802.02611), section 3.1. Order and names are those of the released networks.

    Example:
        >>> ASPPv3(rates=(12, 24, 36))(tf.zeros([1, 65, 65, 2048])).shape
        TensorShape([1, 65, 65, 256])
    """

    def __init__(
        self,
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
        self.rates = tuple(rates)
        self.filters = filters
        self.image_pooling = image_pooling
        self.separable = separable
        self.dropout = dropout
        self.method = method
        self.batch_norm = batch_norm
        options: dict[str, Any] = {"batch_norm": batch_norm, "dtype": self.dtype_policy}
        self.pooling = None
        if image_pooling != "none":
            window = None if image_pooling == "global" else int(image_pooling)
            self.pooling = ImagePooling(
                filters, window, name="image_pooling", **RELEASED_NORM, **options
            )
        self.branches = [ConvNormAct(filters, 1, name="aspp0", **RELEASED_NORM, **options)]
        for i, rate in enumerate(self.rates, 1):
            branch = conv3x3(
                filters, rate, separable=separable, method=method, name=f"aspp{i}", **options
            )
            self.branches.append(branch)
        self.projection = ConvNormAct(
            filters, 1, name="concat_projection", **RELEASED_NORM, **options
        )
        self.drop = ExampleDropout(
            dropout, name="concat_projection_dropout", dtype=self.dtype_policy
        )

    @property
    def receptive_field_radius(self) -> int:
        """Features that an output sees to each side by convolutions."""
        return max(branch.receptive_field_radius for branch in self.branches)

    @property
    def has_global_context(self) -> bool:
        """Whether an output also sees averages over the image."""
        return self.pooling is not None

    def call(
        self,
        inputs: tf.Tensor,
        training: bool | None = False,
        seeds: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Turns features [B, H, W, C] into features [B, H, W, filters]."""
        pooled = [] if self.pooling is None else [self.pooling(inputs, training=training)]
        branches = [branch(inputs, training=training) for branch in self.branches]
        joined = self.projection(tf.concat([*pooled, *branches], axis=-1), training=training)
        return self.drop(joined, training=training, seeds=seeds)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Returns the shape of the output."""
        return (*input_shape[:3], self.filters)
