"""Pooling as in the released Caffe networks: 3x3 windows, centred padding, optional holes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from deeplab_tf.layers.configured import ConfigFromArguments
from deeplab_tf.layers.receptive_field import window_radius


@keras.saving.register_keras_serializable(package="deeplab_tf")
class CaffePool2D(ConfigFromArguments, keras.layers.Layer):
    """Pools square windows with zeros on all sides, so that responses stay aligned.

    Max pooling expects inputs that are not negative (it follows a ReLU), because the padding is
    zero. Average pooling divides by the full window, the padding included, as Caffe does.

    Args:
        mode: `"max"` or `"average"`.
        pool_size: window side in taps.
        strides: subsampling; more than 1 only with `dilation_rate=1`.
        dilation_rate: distance of two taps in pixels; larger sees farther at the same cost.
        **kwargs: name and dtype of the layer.

    Returns:
        Tensor [B, ceil(H / strides), ceil(W / strides), C].

    Raises:
        ValueError: an unknown mode, or a stride together with a rate.

    Source: released DeepLab-LargeFOV prototxt (3x3 windows, pad 1); Caffe's pooling layer.
    """

    def __init__(
        self,
        mode: str = "max",
        pool_size: int = 3,
        strides: int = 1,
        dilation_rate: int = 1,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if mode not in ("max", "average"):
            raise ValueError(f"mode must be 'max' or 'average'. Received: mode={mode!r}")
        if strides > 1 and dilation_rate > 1:
            raise ValueError(
                "A stride cannot be combined with a dilation rate. "
                f"Received: strides={strides}, dilation_rate={dilation_rate}"
            )
        self.mode = mode
        self.pool_size = pool_size
        self.strides = strides
        self.dilation_rate = dilation_rate

    @property
    def receptive_field_radius(self) -> int:
        """Input pixels that an output sees to its farther side."""
        return window_radius(self.pool_size, self.dilation_rate)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Pools [B, H, W, C]."""
        before = (self.pool_size - 1) * self.dilation_rate // 2
        after = (self.pool_size - 1) * self.dilation_rate - before
        padded = tf.pad(inputs, [[0, 0], [before, after], [before, after], [0, 0]])
        pooled = tf.nn.pool(
            padded,
            window_shape=[self.pool_size, self.pool_size],
            pooling_type="MAX" if self.mode == "max" else "AVG",
            strides=[self.strides, self.strides],
            padding="VALID",
            dilations=[self.dilation_rate, self.dilation_rate],
        )
        return tf.ensure_shape(pooled, self.compute_output_shape(inputs.shape))

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Returns the shape of the output."""
        batch, height, width, channels = input_shape
        sides = [None if n is None else -(-n // self.strides) for n in (height, width)]
        return (batch, *sides, channels)
