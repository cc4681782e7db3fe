"""A sum of losses of `training.losses` as a Keras loss."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from deeplab_tf.losses.label_ids import label_ids
from deeplab_tf.training.losses.batch_weights import count_valid, mark_void
from deeplab_tf.training.losses.total import TotalLoss

_NO_VOID = -1  # what `mark_void` makes of void; no label has it


class SegmentationLoss(keras.losses.Loss):
    """Base of the losses: computes a `TotalLoss` of label ids and logits.

    The library's rule: a mean over the pixels of the whole batch that are not void, so that each of
    them counts alike. A batch without any has the loss 0.

    Args:
        total: the sum of losses.
        ignore_label: label of pixels that do not count; None counts all.
        name: of the loss in logs.

    Call arguments:
        y_true: label ids [B, H, W] or [B, H, W, 1] of any numeric type.
        y_pred: logits [B, H, W, C].
        sample_weight: factors on the pixels' losses, of whole images [B] or of pixels [B, H, W];
            the mean still divides by the number of pixels. Only for losses that are a sum over
            pixels.

    Returns:
        float32 scalar.

    Raises:
        ValueError: labels of another shape, class weights for another number of classes, or
            `sample_weight` for a loss that is no sum over pixels.
    """

    def __init__(self, total: TotalLoss, ignore_label: int | None, name: str):
        super().__init__(name=name)
        self.total = total
        self.ignore_label = ignore_label

    def __call__(
        self, y_true: tf.Tensor, y_pred: tf.Tensor, sample_weight: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Computes the loss of a batch."""
        # Not `call`: Keras would take the mean once more, and turn the ids into floats.
        logits = tf.cast(y_pred, tf.float32)
        labels = label_ids(y_true, logits)
        self._check_class_weights(logits.shape[-1])
        void = _NO_VOID if self.ignore_label is None else self.ignore_label
        if sample_weight is None:
            return self.total(labels, logits, void)
        if self.total.whole_batch_terms:
            raise ValueError(f"{self.name}: takes no sample_weight, since it is no sum over pixels")
        labels = mark_void(labels, void)
        pixels = sum(f * loss.pixel_losses(labels, logits) for f, loss in self.total.pixel_terms)
        weighted = tf.reduce_sum(pixels * _of_pixels(sample_weight))
        return tf.math.divide_no_nan(weighted, count_valid(labels))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {"ignore_label": self.ignore_label, "name": self.name}

    def _check_class_weights(self, num_classes: int) -> None:
        for term in self.total.terms:
            weights = getattr(term.loss, "class_weights", None)
            if weights is not None and len(weights) != num_classes:
                raise ValueError(
                    f"class_weights must be {num_classes} numbers, one for every class of the "
                    f"model. Received: {weights}"
                )


def _of_pixels(weights: tf.Tensor) -> tf.Tensor:
    """Returns weights of images [B] or [B, 1], or of pixels, in a shape that fits [B, H, W]."""
    weights = tf.cast(weights, tf.float32)
    if weights.shape.rank == 4:
        return weights[..., 0]
    return weights if weights.shape.rank == 3 else tf.reshape(weights, [-1, 1, 1])
