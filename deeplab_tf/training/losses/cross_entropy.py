"""Softmax cross-entropy, optionally with a weight for every class."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from deeplab_tf.training.losses.base import PixelLoss, cross_entropies
from deeplab_tf.training.losses.class_weights import (
    ClassWeights,
    check_class_weights,
    weights_of_pixels,
)
from deeplab_tf.training.losses.loss_arguments import require_number


@dataclasses.dataclass(frozen=True)
class CrossEntropy(PixelLoss):
    """Softmax cross-entropy: w[y] * -log p[y], averaged over the pixels that are not void.

    The mean divides by the number of pixels and not by the sum of their weights: with weights
    below 1 the loss becomes smaller.

    Args:
        class_weights: `median_frequency`, `sqrt_median_frequency` or `inverse_frequency` (see
            `class_weights.py`), or a number for every class in the order of the ids; 0 leaves a
            class out of the sum. None is 1 for all.
        label_smoothing: share e of the target that is spread over all classes, 0 to below 1: the
            loss is (1 - e) * -log p[y] + e * mean over the classes of -log p. Labels that are not
            certain, such as those at boundaries, then teach less certainty.

    Raises:
        ValueError: an argument is something else.

    Source: Caffe's SoftmaxWithLoss; Chen et al. 2015, section 3; smoothing: Szegedy et al. 2016
        (arXiv 1512.00567), section 7.
    """

    class_weights: ClassWeights = None
    label_smoothing: float = 0.0

    def __post_init__(self):
        check_class_weights(self.class_weights)
        require_number("label_smoothing", self.label_smoothing, lowest=0, below=1)

    def pixel_losses(self, labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Computes the weighted cross-entropy of every pixel; see `PixelLoss`."""
        losses = cross_entropies(labels, logits)
        if self.label_smoothing:
            uniform = _mean_over_classes(labels, logits)
            losses += self.label_smoothing * (uniform - losses)
        if self.class_weights is None:
            return losses
        return losses * weights_of_pixels(labels, self.class_weights)


def _mean_over_classes(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Computes the mean of -log p over the classes, float32 [B, h, w]; 0 for void."""
    valid = labels >= 0
    # What is not finite in void would reach the gradient even through 0.
    logits = tf.where(valid[..., None], tf.cast(logits, tf.float32), 0.0)
    losses = -tf.reduce_mean(tf.nn.log_softmax(logits), axis=-1)
    return tf.where(valid, losses, 0.0)
