"""Random brightness, contrast and saturation."""

from __future__ import annotations

import tensorflow as tf

from deeplab_tf.data.augmentations.argument import Argument
from deeplab_tf.data.augmentations.operation import Draws, Photometric

# ITU-R 601-2, as Pillow and OpenCV have it.
_GREY = (0.299, 0.587, 0.114)


class ColorJitter(Photometric):
    """Changes brightness, contrast and saturation: ``color_jitter(0.2)``.

    Each is multiplied by a factor from an even distribution in [1 - strength, 1 + strength], in
    this order: brightness, contrast around the mean grey, saturation around every pixel's grey.

    Args:
        brightness: strength, 0..1; 0 changes nothing.
        contrast: the same; that of brightness if left out.
        saturation: the same; that of contrast if left out.

    Source: the three adjustments of Pillow's ImageEnhance and torchvision's ColorJitter.
    """

    name = "color_jitter"
    arguments = (
        Argument("brightness", 0, 1),
        Argument("contrast", 0, 1, optional=True),
        Argument("saturation", 0, 1, optional=True),
    )

    def change(self, image: tf.Tensor, draws: Draws) -> tf.Tensor:
        """Changes the colours of a crop; see `Photometric.change`."""
        given = [values.numbers[0] for values in self.values]
        strengths = tf.constant(given + given[-1:] * (3 - len(given)), tf.float32)
        factors = 1 + strengths * (2 * tf.cast(draws.numbers(3), tf.float32) - 1)
        brightness, contrast, saturation = tf.unstack(factors)
        image = _clipped(image * brightness)
        image = _clipped(_away_from(tf.reduce_mean(_grey(image)), image, contrast))
        return _away_from(_grey(image), image, saturation)


def _grey(image: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(image * tf.constant(_GREY), -1, keepdims=True)


def _away_from(centre: tf.Tensor, image: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    return centre + (image - centre) * factor


def _clipped(image: tf.Tensor) -> tf.Tensor:
    return tf.clip_by_value(image, 0.0, 255.0)
