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
        marginals: float32 [N, C], before any step.
        largest_message: R.

    Attributes:
        marginals: float32 [N, K], of the kept labels and, to fill up, columns of zeros.
        rest: float32 [N, 1], the sum of the labels set aside.
    """

    def __init__(self, marginals, largest_message):
        # Labels are selected in an array [C, N]: whole rows are copied faster than numbers.
        self._all = tf.transpose(marginals)
        highest = tf.reduce_max(self._all, axis=1)
        labels = tf.cast(tf.size(highest), tf.float32)
        # The label that leads a pixel has at least 1 / C and is always kept.
        self._is_kept = highest >= 1 / tf.maximum(2 * math.e * largest_message, labels)
        kept = tf.where(self._is_kept)[:, 0]
        self._row = tf.maximum(tf.cumsum(tf.cast(self._is_kept, tf.int32)) - 1, 0)
        columns = tf.maximum(_COLUMNS, -(-tf.size(kept) // (_COLUMNS // 2)) * (_COLUMNS // 2))
        padding = [[0, columns - tf.size(kept)], [0, 0]]
        self.marginals = tf.transpose(tf.pad(tf.gather(self._all, kept), padding))
        total = tf.reduce_sum(self.marginals, axis=1, keepdims=True)
        self.rest = tf.maximum(1 - total, 0)

    def restore(self, marginals, factor):
        """Returns the probabilities of all labels, [N, C].

        Args:
            marginals: [N, K].
            factor: [N, 1], by which the labels set aside have changed.
        """
        live = tf.gather(tf.transpose(marginals), self._row)
        return tf.transpose(
            tf.where(self._is_kept[:, None], live, self._all * tf.transpose(factor))
        )
