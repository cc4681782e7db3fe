"""Which labels the mean field has to iterate on."""

from __future__ import annotations

import math

import tensorflow as tf

# Sparse products use the processor's vectors for so many columns and for multiples of half of it.
_COLUMNS = 8


class LiveLabels:
    """Sets labels aside whose probability is below 1 / (2 e R) at all pixels.

    R is the largest sum of messages that a pixel can get. Messages of a Potts model are not
    negative, so a step raises a label to at most q0 exp(R max q): from below the threshold it never
    gets to more than 1.27 q0 anywhere. The labels set aside get no messages; their share counts in
    the denominator of the softmax.

    Args:
        marginals: float32 [n, C] a shard of pixels, before any step.
        largest_message: R.

    Attributes:
        marginals: float32 [n, K] a shard, of the kept labels and, to fill up, columns of zeros.
        rest: float32 [n, 1] a shard, the sum of the labels set aside.
    """

    def __init__(self, marginals, largest_message):
        # Labels are selected in arrays [C, n]: whole rows are copied faster than single numbers.
        self._all = [tf.transpose(shard) for shard in marginals]
        highest = tf.reduce_max([tf.reduce_max(shard, axis=1) for shard in self._all], axis=0)
        labels = tf.cast(tf.size(highest), tf.float32)
        # The label that leads a pixel has at least 1 / C and is always kept.
        self._is_kept = highest >= 1 / tf.maximum(2 * math.e * largest_message, labels)
        kept = tf.where(self._is_kept)[:, 0]
        self._row = tf.maximum(tf.cumsum(tf.cast(self._is_kept, tf.int32)) - 1, 0)
        columns = tf.maximum(_COLUMNS, -(-tf.size(kept) // (_COLUMNS // 2)) * (_COLUMNS // 2))
        padding = [[0, columns - tf.size(kept)], [0, 0]]
        rows = [tf.gather(shard, kept) for shard in self._all]
        self.marginals = [tf.transpose(tf.pad(shard, padding)) for shard in rows]
        self.rest = [
            tf.maximum(1 - tf.reduce_sum(shard, axis=1, keepdims=True), 0)
            for shard in self.marginals
        ]

    def restore(self, marginals, factors):
        """Returns the probabilities of all labels, [n, C] a shard.

        Args:
            marginals: [n, K] a shard.
            factors: [n, 1] a shard, by what the labels set aside have changed.
        """
        return [
            tf.transpose(
                tf.where(
                    self._is_kept[:, None],
                    tf.gather(tf.transpose(live), self._row),
                    start * tf.transpose(factor),
                )
            )
            for live, start, factor in zip(marginals, self._all, factors, strict=True)
        ]
