"""Convolutions and pools of Keras with holes, and with padding that fits the holes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from deeplab_tf.layers.atrous_conv import native_atrous_conv


class PaddedWindow:
    """Mixin of layers with a window that pads its input, zeros or another value.

    A map has `rate` points for every point of the classifier's map. What the classifier pads is
    padded `rate` times; the output is as large as the input, divided by the stride.

    Args:
        before: zeros before rows and columns, in points of the classifier's map; None takes as many
            as Keras' `padding="same"` on the classifier's map, which on even sizes with a stride
            are fewer than behind.
        rate: points of the input for each point of the classifier's map.
        native_strides: the layer's strides in the classifier.
        **kwargs: of the Keras layer; a dilation rate includes `rate`.
    """

    def __init__(
        self,
        before: Sequence[int] | None = None,
        rate: int = 1,
        native_strides: int = 1,
        **kwargs: Any,
    ):
        super().__init__(**{**kwargs, "padding": "valid"})
        self.place_window(before, rate, native_strides)

    def place_window(self, before: Sequence[int] | None, rate: int, native_strides: int) -> None:
        """Sets where the window lies, see the arguments."""
        self.before = None if before is None else (before[0], before[1])
        self.rate = rate
        self.native_strides = native_strides

    def window(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Returns taps and dilation rates, each for rows and for columns."""
        layer: Any = self
        return tuple(layer.kernel_size), tuple(layer.dilation_rate)

    def pad(self, inputs: tf.Tensor, value: float = 0.0) -> tf.Tensor:
        """Pads [B, H, W, C], so that a window of the layer fits at every point."""
        sides = [
            side if side is not None else tf.shape(inputs)[axis]
            for axis, side in enumerate(inputs.shape[1:3], 1)
        ]
        paddings = [self._side(axis, side) for axis, side in enumerate(sides)]
        if not any(isinstance(n, tf.Tensor) or n for pair in paddings for n in pair):
            return inputs
        return tf.pad(inputs, [(0, 0), *paddings, (0, 0)], constant_values=value)

    def _side(self, axis: int, side: Any) -> tuple[Any, Any]:
        taps, dilations = (pair[axis] for pair in self.window())
        total = (taps - 1) * dilations
        if self.before is not None:
            before = self.before[axis] * self.rate
        elif self.native_strides == 1:
            before = total // self.rate // 2 * self.rate
        else:
            before = self._same_before(total // self.rate, side)
        return before, total - before

    def _same_before(self, span: int, side: Any) -> Any:
        native_side = -(-side // self.rate)
        outputs = -(-native_side // self.native_strides)
        total = (outputs - 1) * self.native_strides + span + 1 - native_side
        largest = tf.maximum if isinstance(total, tf.Tensor) else max
        return largest(total, 0) // 2 * self.rate

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Returns the shape of the output."""
        # Layers of Keras know the number of channels, whatever the size is.
        layer: Any = super()
        channels = tuple(layer.compute_output_shape((input_shape[0], None, None, input_shape[3])))
        strides: Any = self
        sides = [
            None if side is None else -(-side // stride)
            for side, stride in zip(input_shape[1:3], strides.strides, strict=True)
        ]
        return (input_shape[0], *sides, channels[-1])

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments."""
        layer: Any = super()
        own = {name: getattr(self, name) for name in ("before", "rate", "native_strides")}
        config = {**layer.get_config(), **own}
        del config["padding"]
        return config


@keras.saving.register_keras_serializable(package="deeplab_tf")
class PaddedConv2D(PaddedWindow, keras.layers.Conv2D):
    """`keras.layers.Conv2D` with a `PaddedWindow`; depthwise where every channel is a group.

    Keras compiles convolutions in groups by XLA, for every size of images anew, since a processor
    has no other operation for them; and ONNX has none for what is compiled.
    """

    def convolution_op(self, inputs: tf.Tensor, kernel: Any) -> tf.Tensor:
        """Convolves [B, H, W, C]; as one operation where the holes are the same on all sides."""
        if self.groups > 1 and self.groups == inputs.shape[-1]:
            return self._depthwise(self.pad(inputs), tf.convert_to_tensor(kernel))
        taps, rates = self.window()
        centre = (taps[0] // 2, taps[0] // 2)
        is_same = self.before == centre or (self.before is None and self.native_strides == 1)
        is_square = taps[0] == taps[1] and taps[0] % 2 and rates[0] == rates[1]
        one_operation = self.groups == 1 and tuple(self.strides) == (1, 1) and rates[0] > 1
        if is_same and is_square and one_operation and rates[0] == self.rate:
            return native_atrous_conv(inputs, tf.convert_to_tensor(kernel), rates[0])
        return super().convolution_op(self.pad(inputs), kernel)

    def _depthwise(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        channels = inputs.shape[-1]
        by_channel = tf.reshape(kernel, [*self.kernel_size, channels, self.filters // channels])
        return tf.nn.depthwise_conv2d(
            inputs, by_channel, [1, *self.strides, 1], "VALID", dilations=self.dilation_rate
        )

    def _jit_compiled_convolution_op(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        # Keras 2 calls this in place of `convolution_op` where there are groups.
        if self.groups == inputs.shape[-1]:
            return self.convolution_op(inputs, kernel)
        return super()._jit_compiled_convolution_op(inputs, kernel)


@keras.saving.register_keras_serializable(package="deeplab_tf")
class PaddedDepthwiseConv2D(PaddedWindow, keras.layers.DepthwiseConv2D):
    """`keras.layers.DepthwiseConv2D` with a `PaddedWindow`."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Convolves [B, H, W, C]."""
        return super().call(self.pad(inputs))


@keras.saving.register_keras_serializable(package="deeplab_tf")
class PaddedSeparableConv2D(PaddedWindow, keras.layers.SeparableConv2D):
    """`keras.layers.SeparableConv2D` with a `PaddedWindow`."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Convolves [B, H, W, C]."""
        return super().call(self.pad(inputs))
