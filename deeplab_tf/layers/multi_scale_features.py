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
from deeplab_tf.layers.resize import resize

# The released networks start from small weights beside a trained network: deviations of the two
# convolutions and of the classifier, and what other branches than most have.
_RELEASED = (1e-3, 1e-3, 0.01)
_RELEASED_POOLS = {3: (1e-3, 1e-3, 0.0), 4: (1e-3, 5e-3, 0.01)}
STARTS = ("he_normal", "released")


def _start(start: str, number: int) -> list[Any]:
    """Returns the initializers of the two convolutions and the classifier of a branch."""
    if start not in STARTS:
        raise ValueError(f"start must be one of {STARTS}. Received: start={start!r}")
    if start == "he_normal":
        return ["he_normal", "he_normal", CLASSIFIER_INITIALIZER]
    deviations = _RELEASED_POOLS.get(number, _RELEASED)
    return [
        {"class_name": "RandomNormal", "config": {"mean": 0.0, "stddev": deviation}}
        for deviation in deviations
    ]


@keras.saving.register_keras_serializable(package="deeplab_tf")
class MultiScaleBranch(ConfigFromArguments, keras.layers.Layer):
    """Classifies one early map: a strided 3x3, a 1x1 and a 1x1 classifier.

    Args:
        num_classes: channels of the output.
        stride: subsampling from the map to the output stride.
        filters: channels of the two convolutions.
        dropout: share of dropped activations after each of them.
        initializers: of their kernels and that of the classifier.
        **kwargs: dtype and the name that the layers' names begin with.
    """

    def __init__(
        self,
        num_classes: int,
        stride: int,
        filters: int = 128,
        dropout: float = 0.5,
        initializers: Sequence[Any] = ("he_normal", "he_normal", CLASSIFIER_INITIALIZER),
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.stride = stride
        self.filters = filters
        self.dropout = dropout
        self.initializers = list(initializers)
        options = {"activation": "relu", "dtype": self.dtype_policy}
        self.convs = [
            AtrousConv2D(
                filters, kernel_size, strides=strides, kernel_initializer=initializer,
                name=f"{self.name}_conv{number}", **options,
            )
            for number, kernel_size, strides, initializer in zip(
                (1, 2), (3, 1), (stride, 1), initializers[:2], strict=True
            )
        ]  # fmt: skip
        self.dropouts = [
            ExampleDropout(dropout, name=f"{self.name}_drop{i}", dtype=self.dtype_policy)
            for i in (1, 2)
        ]
        self.classifier = AtrousConv2D(
            num_classes,
            1,
            kernel_initializer=initializers[2],
            name=f"{self.name}_fc8",
            dtype="float32",
        )

    def call(
        self,
        inputs: tf.Tensor,
        training: bool | None = False,
        seeds: tf.Tensor | None = None,
        dense: bool = False,
    ) -> tf.Tensor:
        """Returns the logits of a map [B, H, W, C], without the stride if dense."""
        x = inputs
        for conv, dropout in zip(self.convs, self.dropouts, strict=True):
            x = dropout(conv(x, dense=dense), training=training, seeds=seeds)
        return self.classifier(tf.cast(x, tf.float32))


@keras.saving.register_keras_serializable(package="deeplab_tf")
class MultiScaleFeatures(ConfigFromArguments, keras.layers.Layer):
    """Classifies the image and early maps; the logits are added to those of the head.

    The branches' logits are summed, which equals the paper's concatenation of their features in
    front of one classifier. The released networks train them on the grid of the head, and predict
    at every point of every map, which keeps finer detail.

    Args:
        num_classes: channels of the output.
        strides: subsampling of every branch, from its map to the output stride.
        filters: channels of every branch's convolutions.
        dropout: share of dropped activations.
        start: weights before training: `he_normal`, for training everything at once, or `released`,
            the small ones that the released networks add to a trained LargeFOV.
        **kwargs: name and dtype of the layer.

    Call arguments:
        inputs: list of maps [B, H_i, W_i, C_i], one a branch.
        training: dropout is on if True.
        seeds: see `ExampleDropout`.
        zoom_to: height and width; if given, every branch is computed at all points of its map, and
            its logits are zoomed to this size.

    Returns:
        float32 logits [B, H, W, num_classes] on the grid of the head, or as large as `zoom_to`.

    Source: Chen et al. 2015, section 4.3; train.prototxt and test.prototxt of the released
        DeepLab-MSc networks.
    """

    def __init__(
        self,
        num_classes: int,
        strides: Sequence[int] = (8, 4, 2, 1, 1),
        filters: int = 128,
        dropout: float = 0.5,
        start: str = "he_normal",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.strides = tuple(strides)
        self.filters = filters
        self.dropout = dropout
        self.start = start
        self.branches = [
            MultiScaleBranch(
                num_classes,
                stride,
                filters,
                dropout,
                _start(start, i),
                name=f"msc{i}",
                dtype=self.dtype_policy,
            )
            for i, stride in enumerate(self.strides)
        ]

    def call(
        self,
        inputs: Sequence[tf.Tensor],
        training: bool | None = False,
        seeds: tf.Tensor | None = None,
        zoom_to: Sequence[int | tf.Tensor] | None = None,
    ) -> tf.Tensor:
        """Returns the logits of a list of maps, summed."""
        total: Any = 0
        for maps, branch in zip(inputs, self.branches, strict=True):
            logits = branch(maps, training=training, seeds=seeds, dense=zoom_to is not None)
            total += logits if zoom_to is None else resize(logits, zoom_to)
        return total
