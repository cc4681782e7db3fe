"""Factors and shifts of input pixels, as Keras' preprocessing layers apply them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from deeplab_tf.layers.configured import ConfigFromArguments


@keras.saving.register_keras_serializable(package="deeplab_tf")
class InputScaling(ConfigFromArguments, keras.layers.Layer):
    """Computes `(x - mean) / deviation * scale + offset`, channel by channel.

    It stands for `Rescaling` and `Normalization`: some of Keras' preprocessing layers hand
    `training=True` to what follows them.

    Args:
        mean: a number, or one a channel, as the following.
        deviation: not 0.
        scale: factor.
        offset: shift.
        **kwargs: name and dtype of the layer.
    """

    def __init__(
        self,
        mean: Sequence[float] = (0.0,),
        deviation: Sequence[float] = (1.0,),
        scale: Sequence[float] = (1.0,),
        offset: Sequence[float] = (0.0,),
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.mean = list(mean)
        self.deviation = list(deviation)
        self.scale = list(scale)
        self.offset = list(offset)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Scales [B, H, W, C]."""
        outputs = (inputs - self._row(self.mean)) / self._row(self.deviation)
        return outputs * self._row(self.scale) + self._row(self.offset)

    def _row(self, values: Sequence[float]) -> tf.Tensor:
        return tf.constant(list(values), self.compute_dtype)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Returns the shape of the output."""
        return tuple(input_shape)


def input_scaling(layer: Any, name: str, dtype: Any) -> InputScaling:
    """Returns what computes the same as a `Rescaling` or `Normalization`.

    Args:
        layer: built; a `Normalization` with the statistics that it has now.
        name: of the new layer.
        dtype: dtype policy of the new layer.

    Raises:
        ValueError: the layer computes the inverse, or has other statistics for every pixel.
    """
    if isinstance(layer, keras.layers.Rescaling):
        options = {"scale": _numbers(layer.scale), "offset": _numbers(layer.offset)}
        return InputScaling(**options, name=name, dtype=dtype)
    mean, variance = np.asarray(layer.mean), np.asarray(layer.variance)
    if getattr(layer, "invert", False) or mean.size > mean.shape[-1]:
        raise ValueError(
            f"the layer {layer.name} (Normalization) must normalize channels. "
            f"Received: statistics of shape {mean.shape}, invert={layer.invert}"
        )
    deviation = np.maximum(np.sqrt(variance), keras.backend.epsilon())
    return InputScaling(_numbers(mean), _numbers(deviation), name=name, dtype=dtype)


def _numbers(values: Any) -> list[float]:
    return [float(value) for value in np.ravel(values)]
