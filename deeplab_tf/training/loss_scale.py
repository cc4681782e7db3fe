"""Dynamic loss scaling: small gradients survive float16, and steps that overflow are left out."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

_FIRST, _LARGEST = 2.0**15, 2.0**24
# Steps without an overflow after which the scale is doubled.
_PATIENCE = 2000


class LossScale:
    """A factor on the loss that the gradients are divided by again.

    float16 has no numbers below 6e-8 and none above 65504: unscaled, small gradients become zero.
    The factor is a power of two, so that it costs no digits.

    Attributes:
        variables: what a checkpoint has to keep, by name.

    Source: Micikevicius et al. 2018 (arXiv 1710.03740), section 3.2.
    """

    def __init__(self):
        self._scale = tf.Variable(_FIRST, trainable=False, name="loss_scale")
        self._good_steps = tf.Variable(0, trainable=False, name="loss_scale_good_steps")
        self.variables = {"scale": self._scale, "good_steps": self._good_steps}

    def scale(self, loss: tf.Tensor) -> tf.Tensor:
        """Multiplies a loss whose gradient is to be taken."""
        return loss * self._scale

    def unscale(self, gradients: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Divides the gradients of what `scale` gave."""
        return [gradient / self._scale for gradient in gradients]

    def update(self, is_finite: tf.Tensor) -> None:
        """Doubles the factor after many good steps and halves it after one that overflowed.

        Args:
            is_finite: bool, whether all gradients of the step were finite.
        """
        good_steps = tf.where(is_finite, self._good_steps + 1, 0)
        doubles = good_steps >= _PATIENCE
        grown = tf.where(doubles, tf.minimum(self._scale * 2, _LARGEST), self._scale)
        self._scale.assign(tf.where(is_finite, grown, tf.maximum(self._scale / 2, 1.0)))
        self._good_steps.assign(tf.where(doubles, 0, good_steps))
