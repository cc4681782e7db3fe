"""Batch normalisation that is not trained."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="deeplab_tf")
class FrozenBatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation with the statistics that it was given, the same on all devices.

    Keras 2 would keep other statistics on every device and take their mean wherever they are read:
    a worker that saves or evaluates alone would wait for the others for ever.

    Args:
        **kwargs: of `keras.layers.BatchNormalization`, `trainable` left out.
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**{**kwargs, "trainable": False})

    @property
    def trainable(self) -> bool:
        """False: setting a whole backbone to be trainable leaves it as it is."""
        return False

    @trainable.setter
    def trainable(self, value: bool) -> None:
        """Does nothing."""

    def add_weight(self, *args: Any, **kwargs: Any) -> Any:
        """Adds a weight that is the same on all devices."""
        kwargs.pop("synchronization", None)
        return super().add_weight(*args, **kwargs)

    def call(
        self, inputs: tf.Tensor, training: bool | None = None, mask: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Normalises [..., C]; in training too, and where a user sets `trainable`."""
        return super().call(inputs, training=False)
