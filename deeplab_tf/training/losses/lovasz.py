"""The Lovász-Softmax loss: a convex surrogate of one minus the mean IoU."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from deeplab_tf.training.losses.base import WholeBatchLoss, softmax_probabilities


@dataclasses.dataclass(frozen=True)
class Lovasz(WholeBatchLoss):
    """Lovász-Softmax loss of the whole batch, averaged over the classes that occur in its labels.

    For every class, the errors of all pixels of the global batch that are not void (1 - p where
    the class is the label, p elsewhere) are sorted from the largest, and each is multiplied by
    how much one minus the IoU grows with it. Sorting needs all pixels at once: replicas exchange
    the probabilities, 4 bytes x classes for every logit.

    Source: Berman et al. 2018 (arXiv:1705.08790), algorithm 1 and equation 11, with
    `per_image=False` and `classes="present"` of the released code.
    """

    def measure(self, labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Computes the probabilities, float32 [B, h, w, C]."""
        return softmax_probabilities(labels, logits)

    def value(self, labels: tf.Tensor, measured: tf.Tensor) -> tf.Tensor:
        """Computes the loss from the probabilities of all parts; see `WholeBatchLoss`."""
        classes = tf.shape(measured)[-1]
        labels = tf.reshape(labels, [-1])
        p = tf.transpose(tf.reshape(measured, [-1, classes]))  # [C, pixels]
        y = tf.transpose(tf.one_hot(labels, classes))
        errors = tf.abs(y - p)  # 0 for void
        # Equal errors stay in the order of the pixels, which does not depend on the parts.
        order = tf.argsort(errors, direction="DESCENDING", stable=True)
        is_class = tf.gather(y, order, batch_dims=1)
        is_other = tf.gather(tf.cast(labels >= 0, tf.float32), order) - is_class
        total = tf.reduce_sum(y, axis=1)
        missed = tf.cumsum(is_class, axis=1)
        union = total[:, None] + tf.cumsum(is_other, axis=1)
        one_minus_iou = 1.0 - tf.math.divide_no_nan(total[:, None] - missed, union)
        growth = one_minus_iou - tf.pad(one_minus_iou[:, :-1], [[0, 0], [1, 0]])
        losses = tf.reduce_sum(tf.gather(errors, order, batch_dims=1) * growth, axis=1)
        present = tf.cast(total > 0, tf.float32)
        return tf.math.divide_no_nan(tf.reduce_sum(present * losses), tf.reduce_sum(present))
