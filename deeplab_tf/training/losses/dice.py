"""The Dice loss: one minus the overlap of predicted and true regions."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from deeplab_tf.training.losses.base import WholeBatchLoss, softmax_probabilities


@dataclasses.dataclass(frozen=True)
class Dice(WholeBatchLoss):
    """Soft Dice loss: 1 - mean over classes of 2 * sum(p * y) / (sum(p) + sum(y)).

    The sums run over all pixels of the global batch that are not void, p being the probability of
    a class and y 1 where it is the label. The mean is over the classes that occur in the labels of
    the batch: every one of them counts alike, however few its pixels are.

    Source: Milletari et al. 2016 (arXiv:1606.04797), section 3, with sums in place of the sums of
    squares, as in Sudre et al. 2017 (arXiv:1707.03237).
    """

    def measure(self, labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Sums p * y, p and y over the pixels: float32 [3, C]."""
        p = softmax_probabilities(labels, logits)
        y = tf.one_hot(labels, p.shape[-1])  # void, -1, is nothing but zeros
        return tf.stack([tf.reduce_sum(part, axis=[0, 1, 2]) for part in (p * y, p, y)])

    def value(self, labels: tf.Tensor, measured: tf.Tensor) -> tf.Tensor:
        """Computes the loss from the sums of all parts; see `WholeBatchLoss`."""
        overlap, predicted, true = tf.unstack(tf.reduce_sum(measured, axis=0), num=3)
        present = tf.cast(true > 0, tf.float32)
        losses = 1.0 - tf.math.divide_no_nan(2.0 * overlap, predicted + true)
        return tf.math.divide_no_nan(tf.reduce_sum(present * losses), tf.reduce_sum(present))
