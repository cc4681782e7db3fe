"""Image-level features: averages over the whole map, or over large windows of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from deeplab_tf.layers.configured import ConfigFromArguments
from deeplab_tf.layers.conv_norm_act import ConvNormAct
from deeplab_tf.layers.resize import resize


@keras.saving.register_keras_serializable(package="deeplab_tf")
class ImagePooling(ConfigFromArguments, keras.layers.Layer):
    """Averages features, mixes the averages by a 1x1 convolution and spreads them over the map.

    The average covers every feature that the layer gets. In a `DeepLab` these include the features
    of the padding, up to one output stride below and to the right of the image, as in training.

    Args:
        filters: number of output channels.
        window: side in features of the square windows that are averaged, each of which lies in the
            map as a whole; a map that is smaller is averaged along that side. A smaller window
            makes the output vary within the image. None averages the whole map.
        batch_norm: see `ConvNormAct`. With "train" and a single image the average has no variance
            within the batch, so that `window=None` gives nothing but the learned shift.
        momentum: see `ConvNormAct`.
        epsilon: see `ConvNormAct`.
        **kwargs: dtype of the layer and its name, which the convolution has too.

    Call arguments:
        inputs: features [B, H, W, C].
        training: see `ConvNormAct`.

    Returns:
        Tensor [B, H, W, filters]; with a window, `H - window + 1` times `W - window + 1` averages
        resized between aligned corners.

    Source: Chen et al. 2017 (arXiv 1706.05587), section 3.3; the window: `image_pooling_crop_size`
        of TensorFlow's research/deeplab, model.py.

    Example:
        >>> ImagePooling(4)(tf.zeros([1, 33, 41, 8])).shape
        TensorShape([1, 33, 41, 4])
    """

    def __init__(
        self,
        filters: int,
        window: int | None = None,
        batch_norm: str = "frozen",
        momentum: float = 0.9997,
        epsilon: float = 1e-5,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if window is not None and window < 1:
            raise ValueError(f"window must be at least 1, or None. Received: window={window}")
        self.filters = filters
        self.window = window
        self.batch_norm = batch_norm
        self.momentum = momentum
        self.epsilon = epsilon
        self.projection = ConvNormAct(
            filters,
            1,
            batch_norm=batch_norm,
            momentum=momentum,
            epsilon=epsilon,
            name=self.name,
            dtype=self.dtype_policy,
        )

    def call(self, inputs: tf.Tensor, training: bool | None = False) -> tf.Tensor:
        """Averages, mixes and spreads features [B, H, W, C]."""
        # A sum over a large map does not fit into float16.
        averages = self._averages(tf.cast(inputs, tf.float32))
        mixed = self.projection(tf.cast(averages, inputs.dtype), training=training)
        batch, height, width = tf.unstack(tf.shape(inputs)[:3])
        if self.window is None:
            spread = tf.broadcast_to(mixed, [batch, height, width, self.filters])
        else:
            spread = tf.cast(resize(mixed, [height, width]), mixed.dtype)
        return tf.ensure_shape(spread, self.compute_output_shape(inputs.shape))

    def _averages(self, features: tf.Tensor) -> tf.Tensor:
        if self.window is None:
            return tf.reduce_mean(features, axis=[1, 2], keepdims=True)
        rows, columns = (_window_means(n, self.window) for n in tf.unstack(tf.shape(features)[1:3]))
        averages = tf.einsum("ih,bhwc->biwc", rows, features)
        return tf.einsum("jw,biwc->bijc", columns, averages)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Returns the shape of the output."""
        return (*input_shape[:3], self.filters)


def _window_means(side: tf.Tensor, window: int) -> tf.Tensor:
    """Returns the matrix that averages a side in windows of stride 1, [windows, side]."""
    window = tf.minimum(window, side)
    starts, places = tf.range(side - window + 1)[:, None], tf.range(side)[None]
    inside = (places >= starts) & (places < starts + window)
    return tf.cast(inside, tf.float32) / tf.cast(window, tf.float32)
