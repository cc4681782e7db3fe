"""Random Gaussian blur."""

from __future__ import annotations

import math

import tensorflow as tf

from deeplab_tf.data.augmentations.argument import Argument
from deeplab_tf.data.augmentations.operation import Draws, Photometric


class Blur(Photometric):
    """Blurs with a Gaussian: ``blur(0.5)``, ``blur(0.5..2)`` or ``blur(0|1)``.

    The image ends in copies of its border pixels; padding is not mixed in.

    Args:
        sigma: standard deviation in pixels of the crop. One number N stands for 0..N; choices
            have equal chance, a range an even distribution.
    """

    name = "blur"
    arguments = (Argument("sigma", 0, 20, random=True),)

    def change(self, image: tf.Tensor, draws: Draws) -> tf.Tensor:
        """Blurs a crop; see `Photometric.change`."""
        most = max(self.values[0].numbers)
        sigma = tf.cast(self.values[0].draw(draws.number(), single=(0.0, most)), tf.float32)
        # Four standard deviations hold all but 6e-5 of the weight.
        radius = math.ceil(4 * most)
        distances = tf.range(-radius, radius + 1, dtype=tf.float32)
        # A sigma of 0 would divide 0 by 0; this one leaves the image as it is.
        weights = tf.exp(-0.5 * (distances / tf.maximum(sigma, 1e-3)) ** 2)
        weights /= tf.reduce_sum(weights)
        for axis, shape in ((0, [-1, 1, 1, 1]), (1, [1, -1, 1, 1])):
            places = tf.range(-radius, tf.shape(image)[axis] + radius)
            places = tf.clip_by_value(places, 0, tf.shape(image)[axis] - 1)
            kernel = tf.tile(tf.reshape(weights, shape), [1, 1, 3, 1])
            image = tf.nn.depthwise_conv2d(
                tf.gather(image, places, axis=axis)[None], kernel, [1, 1, 1, 1], "VALID"
            )[0]
        return image
