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


@dataclasses.dataclass(frozen=True)
class CrossEntropy(PixelLoss):
    """Softmax cross-entropy: w[y] * -log p[y], averaged over the pixels that are not void.

    The mean divides by the number of pixels and not by the sum of their weights: with weights
    below 1 the loss becomes smaller.

    Args:
        class_weights: `median_frequency`, `sqrt_median_frequency` or `inverse_frequency` (see
            `class_weights.py`), or a number for every class in the order of the ids; 0 leaves a
            class out of the sum. None is 1 for all.

    Raises:
        ValueError: `class_weights` is something else.

    Source: Caffe's SoftmaxWithLoss; Chen et al. 2015, section 3.
    """

    class_weights: ClassWeights = None

    def __post_init__(self):
        check_class_weights(self.class_weights)

    def pixel_losses(self, labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Computes the weighted cross-entropy of every pixel; see `PixelLoss`."""
        losses = cross_entropies(labels, logits)
        if self.class_weights is None:
            return losses
        return losses * weights_of_pixels(labels, self.class_weights)
