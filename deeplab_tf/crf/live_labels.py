"""Prunes labels that are unlikely at all pixels, and puts them back."""

from __future__ import annotations

import copy
import math

import tensorflow as tf

# Sparse products use the processor's vectors for so many columns and for multiples of half of it.
_COLUMNS = 8


class LiveLabels:
    """Prunes labels whose probability is below 1 / (2 e R) at all pixels.

    R is the largest sum of messages that a pixel can get. Messages of a Potts model are not
    negative, so a step raises a label to at most q0 exp(R max q): from below the threshold it never
    gets to more than 1.27 q0 anywhere. Pruned labels get no messages; their mass counts in the
    denominator of the softmax.

    Args:
        marginals: float32 [N, C], before any step.
        largest_message: R.

    Attributes:
        count: int32 scalar, C.
        marginals: float32 [N, K], of the live labels and, to fill up, columns of zeros.
        pruned_mass: float32 [N, 1], the sum of the pruned labels.
    """

    def __init__(self, marginals: tf.Tensor, largest_message: float | tf.Tensor):
        # Labels are selected in an array [C, N]: whole rows are copied faster than numbers.
        self._all = tf.transpose(marginals)
        highest = tf.reduce_max(self._all, axis=1)
        self.count = tf.size(highest)
        labels = tf.cast(self.count, tf.float32)
        # The label that leads a pixel has at least 1 / C and is always kept.
        self._keep(highest >= 1 / tf.maximum(2 * math.e * largest_message, labels))
        self.marginals = select_labels(self._all, self._is_live)

    def narrow(self, is_live: tf.Tensor) -> LiveLabels:
        """Prunes more labels.

        Args:
            is_live: bool [K], which of the labels stay.

        Returns:
            The labels that are left; `marginals` are still those of all K.
        """
        narrowed = copy.copy(self)
        narrowed._keep(self._is_live & tf.gather(is_live, self._row))
        return narrowed

    def restore(self, marginals: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
        """Returns the probabilities of all labels, float32 [N, C].

        Args:
            marginals: float32 [N, K].
            factor: float32 [N, 1], by which the pruned labels have changed.
        """
        live = tf.gather(tf.transpose(marginals), self._row)
        return tf.transpose(
            tf.where(self._is_live[:, None], live, self._all * tf.transpose(factor))
        )

    def _keep(self, is_live: tf.Tensor):
        self._is_live = is_live
        self._row = tf.maximum(tf.cumsum(tf.cast(is_live, tf.int32)) - 1, 0)
        is_pruned = tf.cast(~is_live, tf.float32)
        self.pruned_mass = tf.matmul(self._all, is_pruned[:, None], transpose_a=True)


def select_labels(by_label: tf.Tensor, is_live: tf.Tensor) -> tf.Tensor:
    """Selects labels.

    Args:
        by_label: float32 [C, N].
        is_live: bool [C].

    Returns:
        Float32 [N, K], the live labels and, to fill up, columns of zeros.
    """
    kept = tf.where(is_live)[:, 0]
    count = tf.size(kept)
    columns = tf.maximum(_COLUMNS, -(-count // (_COLUMNS // 2)) * (_COLUMNS // 2))
    return tf.transpose(tf.pad(tf.gather(by_label, kept), [[0, columns - count], [0, 0]]))
