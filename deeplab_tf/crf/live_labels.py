"""Which labels the mean field has to iterate on."""

from __future__ import annotations

import copy
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
        self._keep(highest >= 1 / tf.maximum(2 * math.e * largest_message, labels))
        self.marginals = keep_labels(self._all, self._is_kept)

    def narrow(self, is_kept) -> LiveLabels:
        """Sets more labels aside.

        Args:
            is_kept: bool [K], which of the labels stay.

        Returns:
            The labels that are left; `marginals` are still those of all K.
        """
        narrowed = copy.copy(self)
        narrowed._keep(self._is_kept & tf.gather(is_kept, self._row))
        return narrowed

    def _keep(self, is_kept):
        self._is_kept = is_kept
        self._row = tf.maximum(tf.cumsum(tf.cast(is_kept, tf.int32)) - 1, 0)
        is_aside = tf.cast(~is_kept, tf.float32)
        self.rest = tf.matmul(self._all, is_aside[:, None], transpose_a=True)

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


def keep_labels(by_label, is_kept):
    """Selects labels.

    Args:
        by_label: float32 [C, N].
        is_kept: bool [C].

    Returns:
        Float32 [N, K], the kept labels and, to fill up, columns of zeros.
    """
    kept = tf.where(is_kept)[:, 0]
    count = tf.size(kept)
    columns = tf.maximum(_COLUMNS, -(-count // (_COLUMNS // 2)) * (_COLUMNS // 2))
    return tf.transpose(tf.pad(tf.gather(by_label, kept), [[0, columns - count], [0, 0]]))
