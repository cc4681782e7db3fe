"""The two kinds of losses: those that are a sum over pixels, and those that need the whole batch.

Labels are those of `mark_void`: pixels without a label have -1, whatever the data set's id of them.
"""

from __future__ import annotations

import abc
import dataclasses
from typing import Any, ClassVar

import tensorflow as tf

from deeplab_tf.training.losses.batch_weights import count_valid


@dataclasses.dataclass(frozen=True)
class Loss(abc.ABC):
    """A loss of logits and labels; a subclass is a frozen dataclass of its arguments.

    Calling it gives the loss of one batch by itself, which automatic differentiation can go
    through. The training step adds up parts of a batch by the methods of the two kinds.
    """

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]  # the subclass's

    @abc.abstractmethod
    def __call__(self, labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Computes the loss of one batch.

        Args:
            labels: int32 [B, h, w], -1 for void.
            logits: [B, h, w, C] of any float type.

        Returns:
            float32 scalar, 0 where all pixels are void.
        """


class PixelLoss(Loss):
    """A loss that is the mean of one number for every pixel that is not void."""

    @abc.abstractmethod
    def pixel_losses(self, labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Computes the loss of every pixel.

        Args:
            labels: int32 [B, h, w], -1 for void.
            logits: [B, h, w, C] of any float type.

        Returns:
            float32 [B, h, w], 0 for void.
        """

    def __call__(self, labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Computes the mean over the pixels of one batch; see `Loss`."""
        total = tf.reduce_sum(self.pixel_losses(labels, logits))
        return tf.math.divide_no_nan(total, count_valid(labels))


class WholeBatchLoss(Loss):
    """A loss that is a function of all pixels of a batch together, and no sum over them.

    It is computed in two steps, so that a batch can be divided into parts (replicas and
    micro-batches): `measure` looks at the logits of a part, `value` at what was measured of all.
    """

    @abc.abstractmethod
    def measure(self, labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Computes what the loss has to know of a part of the batch; the smaller, the better.

        Args:
            labels: int32 [B, h, w], -1 for void.
            logits: [B, h, w, C] of any float type.

        Returns:
            float32 of any shape.
        """

    @abc.abstractmethod
    def value(self, labels: tf.Tensor, measured: tf.Tensor) -> tf.Tensor:
        """Computes the loss of the whole batch.

        Args:
            labels: int32 [parts, B, h, w], -1 for void.
            measured: float32 [parts, ...], from `measure`; gradients flow through it.

        Returns:
            float32 scalar, 0 where all pixels are void.
        """

    def __call__(self, labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Computes the loss of a batch of one part; see `Loss`."""
        return self.value(labels[None], self.measure(labels, logits)[None])


def cross_entropies(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Computes -log of the probability of every pixel's class.

    Args:
        labels: int32 [B, h, w], -1 for void.
        logits: [B, h, w, C] of any float type.

    Returns:
        float32 [B, h, w], 0 for void.
    """
    valid = labels >= 0
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=tf.where(valid, labels, 0), logits=tf.cast(logits, tf.float32)
    )
    return tf.where(valid, losses, 0.0)


def softmax_probabilities(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Computes the probabilities of all classes, 0 for void.

    Args:
        labels: int32 [B, h, w], -1 for void.
        logits: [B, h, w, C] of any float type.

    Returns:
        float32 [B, h, w, C].
    """
    valid = (labels >= 0)[..., None]
    # Logits of void may be anything; what is not finite would reach the gradient even through 0.
    logits = tf.where(valid, tf.cast(logits, tf.float32), 0.0)
    return tf.where(valid, tf.nn.softmax(logits), 0.0)
