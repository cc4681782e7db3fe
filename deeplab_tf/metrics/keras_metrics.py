"""The metrics of `evaluation.ConfusionMatrix` as Keras metrics, for `fit` and `evaluate`."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from deeplab_tf.evaluation.confusion import ABSENT_RULES, COUNTS_AS, ConfusionMatrix
from deeplab_tf.losses.label_ids import label_ids


class _PixelMetric(keras.metrics.Metric):
    """Counts pixels in a state of float64, which is exact up to 2 ** 53 of them."""

    def __init__(self, shape: tuple[int, ...], ignore_label: int | None, name: str):
        super().__init__(name=name)
        self.ignore_label = ignore_label
        self.counts = self.add_weight(
            shape=shape, initializer="zeros", dtype="float64", name="counts"
        )

    def update_state(
        self, y_true: tf.Tensor, y_pred: tf.Tensor, sample_weight: tf.Tensor | None = None
    ) -> None:
        """Counts the pixels of a batch.

        Args:
            y_true: label ids [B, H, W] or [B, H, W, 1] of any numeric type.
            y_pred: logits or probabilities [B, H, W, C].
            sample_weight: not taken; pixels that do not count are labelled `ignore_label`.

        Raises:
            ValueError: labels of another shape, or weights.
            InvalidArgumentError: a label is neither 0..C-1 nor `ignore_label` (on a GPU without
                XLA, and on CPUs).
        """
        if sample_weight is not None:
            raise ValueError(
                f"{self.name} takes no sample_weight: give it in metrics=, not in "
                "weighted_metrics=, and label pixels that do not count with ignore_label"
            )
        logits = tf.convert_to_tensor(y_pred)
        labels, classes = label_ids(y_true, logits), logits.shape[-1]
        counted = tf.ones_like(labels, tf.bool)
        if self.ignore_label is not None:
            counted = labels != self.ignore_label
        known = (labels >= 0) & (labels < classes)
        message = f"labels must be 0..{classes - 1} or {self.ignore_label} (ignored)"
        in_range = tf.debugging.assert_equal(tf.reduce_all(known | ~counted), True, message)
        with tf.control_dependencies([in_range] if in_range is not None else []):
            predictions = tf.argmax(logits, axis=-1, output_type=tf.int32)
            self.counts.assign_add(tf.cast(self._count(labels, predictions, counted), tf.float64))

    def _count(self, labels: tf.Tensor, predictions: tf.Tensor, counted: tf.Tensor) -> tf.Tensor:
        raise NotImplementedError

    def reset_state(self) -> None:
        """Forgets all pixels, as Keras asks for before an epoch."""
        self.counts.assign(tf.zeros(self.counts.shape, tf.float64))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {"ignore_label": self.ignore_label, "name": self.name}


@keras.saving.register_keras_serializable(package="deeplab_tf")
class MeanIoU(_PixelMetric):
    """Mean IoU of one confusion matrix over all batches of an epoch or evaluation.

    The rule is that of `evaluation.ConfusionMatrix`: pixels labelled `ignore_label` do not count,
    and a class that occurs neither in labels nor in predictions is left out of the mean. Without
    one counted pixel it is NaN.

    Args:
        num_classes: C, channels of the logits.
        ignore_label: label of pixels that do not count; None counts all.
        absent: what counts for a class that does not occur, see `mean_over_classes`: `exclude`,
            `exclude_unlabelled`, `zero`, `one` or `nan`.
        name: of the metric in logs; Keras puts `val_` before it.

    Raises:
        ValueError: `num_classes` or `absent` is wrong.

    Example:
        >>> metric = MeanIoU(num_classes=3)
        >>> logits = tf.one_hot([[[0, 1, 1, 1]]], 3)
        >>> metric.update_state(np.array([[[0, 0, 1, 255]]]), logits)
        >>> float(metric.result())
        0.5
    """

    def __init__(
        self,
        num_classes: int,
        ignore_label: int | None = 255,
        absent: str = "exclude",
        name: str = "mean_iou",
    ):
        ConfusionMatrix(num_classes).mean_iou(absent)  # or it raises
        self.num_classes, self.absent = num_classes, absent
        super().__init__((num_classes, num_classes), ignore_label, name)

    def _count(self, labels: tf.Tensor, predictions: tf.Tensor, counted: tf.Tensor) -> tf.Tensor:
        cells = self.num_classes**2
        cell = tf.where(counted, labels * self.num_classes + predictions, cells)
        counts = tf.math.unsorted_segment_sum(tf.ones_like(cell), cell, cells + 1)
        return tf.reshape(counts[:cells], [self.num_classes, self.num_classes])

    def result(self) -> tf.Tensor:
        """Returns the mean IoU, a float32 scalar."""
        counts = tf.convert_to_tensor(self.counts)
        correct, labelled = tf.linalg.diag_part(counts), tf.reduce_sum(counts, axis=1)
        union = labelled + tf.reduce_sum(counts, axis=0) - correct
        occurs = union > 0
        ious = tf.math.divide_no_nan(correct, union)
        if self.absent in COUNTS_AS:
            fill = tf.constant(COUNTS_AS[self.absent], tf.float64)
            return tf.cast(tf.reduce_mean(tf.where(occurs, ious, fill)), tf.float32)
        counts_in = occurs & (labelled > 0) if self.absent == ABSENT_RULES[1] else occurs
        counts_in = tf.cast(counts_in, tf.float64)
        return tf.cast(tf.reduce_sum(ious * counts_in) / tf.reduce_sum(counts_in), tf.float32)

    def confusion_matrix(self) -> ConfusionMatrix:
        """Returns the counts so far, for the IoU of every class and the other metrics."""
        matrix = ConfusionMatrix(self.num_classes, self.ignore_label)
        matrix.matrix += tf.cast(tf.convert_to_tensor(self.counts), tf.int64).numpy()
        return matrix

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        own = {"num_classes": self.num_classes, "absent": self.absent}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="deeplab_tf")
class PixelAccuracy(_PixelMetric):
    """Share of the counted pixels whose label is predicted; NaN if none was counted.

    Args:
        ignore_label: label of pixels that do not count; None counts all.
        name: of the metric in logs.

    Example:
        >>> metric = PixelAccuracy()
        >>> metric.update_state(np.array([[[0, 0, 1, 255]]]), tf.one_hot([[[0, 1, 1, 1]]], 3))
        >>> round(float(metric.result()), 3)
        0.667
    """

    def __init__(self, ignore_label: int | None = 255, name: str = "pixel_accuracy"):
        super().__init__((2,), ignore_label, name)

    def _count(self, labels: tf.Tensor, predictions: tf.Tensor, counted: tf.Tensor) -> tf.Tensor:
        right = counted & (labels == predictions)
        return tf.stack([tf.math.count_nonzero(right), tf.math.count_nonzero(counted)])

    def result(self) -> tf.Tensor:
        """Returns the pixel accuracy, a float32 scalar."""
        right, counted = tf.unstack(tf.convert_to_tensor(self.counts))
        return tf.cast(right / counted, tf.float32)
