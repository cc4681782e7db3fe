"""The focal loss: cross-entropy in which pixels that are already right count less."""

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

# Keeps the slope of (1 - p) ** gamma finite where p is 1 and gamma below 1.
_SMALLEST = 1e-12


@dataclasses.dataclass(frozen=True)
class Focal(PixelLoss):
    """Focal loss: w[y] * (1 - p[y]) ** gamma * -log p[y], averaged over the pixels not void.

    Args:
        gamma: 0 is cross-entropy; the larger, the less a pixel counts that is right already.
        class_weights: as of `CrossEntropy`; the paper's alpha.

    Raises:
        ValueError: `gamma` is below 0 or not finite, or `class_weights` is something else.

    Source: Lin et al. 2017 (arXiv:1708.02002), equation 5, which divides by the number of objects
    instead.
    """

    gamma: float = 2.0
    class_weights: ClassWeights = None

    def __post_init__(self):
        require_number("gamma", self.gamma, lowest=0)
        check_class_weights(self.class_weights)

    def pixel_losses(self, labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Computes the focal loss of every pixel; see `PixelLoss`."""
        losses = cross_entropies(labels, logits)
        wrong = tf.maximum(-tf.math.expm1(-losses), _SMALLEST)  # 1 - p without cancellation
        losses *= tf.pow(wrong, float(self.gamma))
        if self.class_weights is None:
            return losses
        return losses * weights_of_pixels(labels, self.class_weights)
