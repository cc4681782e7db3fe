"""Pools with holes, padded with nothing or with zeros."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from deeplab_tf.backbones.keras_classifiers.padded_window import PaddedWindow
from deeplab_tf.layers.configured import ConfigFromArguments

OUTSIDE = ("ignored", "zeros", "forbidden")


@keras.saving.register_keras_serializable(package="deeplab_tf")
class PaddedPool2D(ConfigFromArguments, PaddedWindow, keras.layers.Layer):
    """Maximum or average over the points of a window that may have holes.

    Args:
        mode: `max` or `average`.
        pool_size: taps for rows and columns.
        strides: subsampling; more than 1 only with dilation rates of 1.
        dilation_rate: distance of two taps in points.
        outside: what lies outside of the map: `ignored`, as with Keras' `padding="same"`; `zeros`,
            as after a `ZeroPadding2D`; `forbidden` leaves out windows that reach there, as
            `padding="valid"` does.
        before: see `PaddedWindow`, as the following.
        rate: points of the input for each point of the classifier's map.
        native_strides: the layer's strides in the classifier.
        **kwargs: name and dtype of the layer.

    Raises:
        ValueError: an unknown word.
    """

    def __init__(
        self,
        mode: str = "max",
        pool_size: Sequence[int] = (2, 2),
        strides: Sequence[int] = (1, 1),
        dilation_rate: Sequence[int] = (1, 1),
        outside: str = "ignored",
        before: Sequence[int] | None = None,
        rate: int = 1,
        native_strides: int = 1,
        **kwargs: Any,
    ):
        keras.layers.Layer.__init__(self, **kwargs)
        if mode not in ("max", "average"):
            raise ValueError(f"mode must be 'max' or 'average'. Received: mode={mode!r}")
        if outside not in OUTSIDE:
            raise ValueError(f"outside must be one of {OUTSIDE}. Received: outside={outside!r}")
        self.mode = mode
        self.pool_size = tuple(pool_size)
        self.strides = tuple(strides)
        self.dilation_rate = tuple(dilation_rate)
        self.outside = outside
        self.place_window(before, rate, native_strides)

    def window(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Returns taps and dilation rates, each for rows and for columns."""
        rows, columns = self.dilation_rate
        return (self.pool_size[0], self.pool_size[1]), (rows, columns)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Pools [B, H, W, C]."""
        if self.outside == "forbidden":
            return self._pool(inputs)
        if self.mode == "max":
            lowest = 0.0 if self.outside == "zeros" else inputs.dtype.min
            return self._pool(self.pad(inputs, lowest))
        pooled = self._pool(self.pad(inputs))
        if self.outside == "zeros":
            return pooled
        # The share of the window that lies on the map.
        inside = self._pool(self.pad(tf.ones_like(inputs[:1, :, :, :1])))
        return pooled / inside

    def _pool(self, inputs: tf.Tensor) -> tf.Tensor:
        return tf.nn.pool(
            inputs,
            window_shape=self.pool_size,
            pooling_type="MAX" if self.mode == "max" else "AVG",
            strides=self.strides,
            padding="VALID",
            dilations=self.dilation_rate,
        )

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Returns the shape of the output."""
        batch, *sides, channels = input_shape
        if self.outside == "forbidden":
            spans = [(n - 1) * d for n, d in zip(*self.window(), strict=True)]
            sides = [n if n is None else n - span for n, span in zip(sides, spans, strict=True)]
        lengths = [n if n is None else -(-n // s) for n, s in zip(sides, self.strides, strict=True)]
        return (batch, *lengths, channels)
