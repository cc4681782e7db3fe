"""Online hard example mining: cross-entropy of the hardest pixels of the batch only."""

from __future__ import annotations

import dataclasses
import math

import tensorflow as tf

from deeplab_tf.training.losses.base import WholeBatchLoss, cross_entropies
from deeplab_tf.training.losses.loss_arguments import require_number


@dataclasses.dataclass(frozen=True)
class OnlineHardPixels(WholeBatchLoss):
    """Mean cross-entropy of the hardest pixels, the others counting nothing.

    All pixels of the global batch compete, over replicas and micro-batches, that are not void.
    The mean divides by the number of pixels kept. Pixels as hard as the last one kept are kept too.

    Args:
        share: part of the pixels that is kept in any case, hardest first and rounded up; above 0
            and at most 1, where it is cross-entropy. Left out, it is 0.25 without a `threshold`
            and nothing beside one.
        threshold: keeps every pixel whose own class has at most this probability as well; above 0
            and below 1.

    Raises:
        ValueError: an argument is out of its range.

    Source: Shrivastava et al. 2016 (arXiv:1604.03540); Bulo et al. 2017 (arXiv:1704.02296) for
    pixels. A threshold with a smallest number to keep is that of Yuan et al. 2018
    (arXiv:1809.00916).
    """

    share: float | None = None
    threshold: float | None = None

    def __post_init__(self):
        if self.share is not None:
            require_number("share", self.share, above=0, highest=1)
        if self.threshold is not None:
            require_number("threshold", self.threshold, above=0, below=1)

    def measure(self, labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Computes the cross-entropy of every pixel, float32 [B, h, w]."""
        return cross_entropies(labels, logits)

    def value(self, labels: tf.Tensor, measured: tf.Tensor) -> tf.Tensor:
        """Computes the mean over the pixels kept; see `WholeBatchLoss`."""
        losses, valid = tf.reshape(measured, [-1]), tf.reshape(labels, [-1]) >= 0
        kept = valid & (losses >= self._smallest_kept(tf.where(valid, losses, -1.0), valid))
        total = tf.reduce_sum(tf.where(kept, losses, 0.0))
        return tf.math.divide_no_nan(total, tf.reduce_sum(tf.cast(kept, tf.float32)))

    def _smallest_kept(self, losses: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
        share = 0.25 if self.share is None and self.threshold is None else self.share
        limit = math.inf if self.threshold is None else -math.log(self.threshold)
        if share is None:
            return tf.constant(limit, tf.float32)
        exact = tf.cast(share, tf.float64) * tf.reduce_sum(tf.cast(valid, tf.float64))
        count = tf.cast(tf.math.ceil(exact - 1e-6), tf.int32)  # 0.3 * 10 is 3 pixels, not 4
        hardest_first = tf.sort(losses, direction="DESCENDING")
        return tf.minimum(hardest_first[tf.maximum(count, 1) - 1], limit)
