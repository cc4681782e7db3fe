"""The confusion matrix and the one rule for mIoU."""

from __future__ import annotations

import numpy as np


class ConfusionMatrix:
    """Counts of pixels by label and prediction, and the scores drawn from them.

    The rule: one matrix over the whole data set, never a mean of per-image scores. Pixels whose
    label is `ignore_label` are not counted at all. The IoU of a class is its correct pixels
    divided by the pixels that carry it in the labels, the predictions or both. A class that
    occurs in neither has no IoU (NaN) and is left out of the mean; a class that is predicted but
    never labelled has IoU 0 and counts. Without one counted pixel every score is NaN.

    Other code bases count an absent class as 0 or 1, or leave out a class that is predicted but
    never labelled: their numbers differ on small data sets.

    Args:
        num_classes: C, labels are 0..C-1.
        ignore_label: label of pixels that do not count, or None to count all.

    Attributes:
        matrix: int64 [C, C]; row = label, column = prediction.

    Raises:
        ValueError: `num_classes` is not a positive whole number.

    Source: the PASCAL VOC development kit (Everingham et al.), which scores the same way.

    Example:
        >>> cm = ConfusionMatrix(num_classes=3)
        >>> cm.update(labels=np.array([0, 0, 1, 255]), predictions=np.array([0, 1, 1, 1]))
        >>> cm.per_class_iou().tolist()
        [0.5, 0.5, nan]
        >>> cm.mean_iou()
        0.5
    """

    def __init__(self, num_classes: int, ignore_label: int | None = 255):
        if not isinstance(num_classes, (int, np.integer)) or num_classes < 1:
            raise ValueError(
                f"num_classes must be a positive whole number. Received: {num_classes!r}."
            )
        self.num_classes = int(num_classes)
        self.ignore_label = ignore_label
        self.matrix = np.zeros([self.num_classes, self.num_classes], np.int64)

    def update(self, labels, predictions):
        """Counts the pixels of one or more images.

        Args:
            labels: integer array or tensor of any shape, ids 0..C-1 or `ignore_label`.
            predictions: integers of the same shape, ids 0..C-1 where the label counts.

        Raises:
            ValueError: the shapes differ, a value is not an integer or out of range; nothing is
                counted then.
        """
        labels, predictions = np.asarray(labels), np.asarray(predictions)
        if labels.shape != predictions.shape:
            raise ValueError(
                "Labels and predictions must have the same shape. "
                f"Received: labels {labels.shape}, predictions {predictions.shape}."
            )
        if self.ignore_label is not None:
            counted = labels != self.ignore_label
            labels, predictions = labels[counted], predictions[counted]
        rows, columns = self._ids(labels, "labels"), self._ids(predictions, "predictions")
        pairs = np.bincount(rows * self.num_classes + columns, minlength=self.matrix.size)
        self.matrix += pairs.reshape(self.matrix.shape)

    def merge(self, other: ConfusionMatrix) -> ConfusionMatrix:
        """Adds the counts of another matrix, as of another replica, and returns itself.

        Raises:
            ValueError: the other is for other classes or another ignore label.
        """
        mine = (self.num_classes, self.ignore_label)
        others = (other.num_classes, other.ignore_label)
        if mine != others:
            raise ValueError(
                "Only matrices of the same (num_classes, ignore_label) can be merged. "
                f"Received: {mine} and {others}."
            )
        self.matrix += other.matrix
        return self

    def __add__(self, other: ConfusionMatrix) -> ConfusionMatrix:
        """Returns a new matrix with the counts of both."""
        if not isinstance(other, ConfusionMatrix):
            return NotImplemented
        return ConfusionMatrix(self.num_classes, self.ignore_label).merge(self).merge(other)

    def per_class_iou(self) -> np.ndarray:
        """Returns float64 [C]; NaN for a class in neither labels nor predictions."""
        correct = np.diag(self.matrix)
        union = self.matrix.sum(axis=0) + self.matrix.sum(axis=1) - correct
        return np.divide(correct, union, out=np.full(len(union), np.nan), where=union > 0)

    def mean_iou(self) -> float:
        """Returns the mean IoU of the classes that occur; NaN if no pixel was counted."""
        iou = self.per_class_iou()
        occurring = ~np.isnan(iou)
        return float(iou[occurring].mean()) if occurring.any() else float("nan")

    def pixel_accuracy(self) -> float:
        """Returns the share of counted pixels that are right; NaN if none was counted."""
        total = self.matrix.sum()
        return float(np.trace(self.matrix) / total) if total else float("nan")

    def _ids(self, values, name: str) -> np.ndarray:
        """Returns flat int64 ids after checking type and range."""
        if values.dtype.kind not in "iu":
            raise ValueError(
                f"{name.capitalize()} must be integers. Received: dtype {values.dtype}."
            )
        wrong = np.unique(values[(values < 0) | (values >= self.num_classes)])
        if wrong.size:
            hint = f" or {self.ignore_label} (ignored)" if name == "labels" else ""
            raise ValueError(
                f"{name.capitalize()} must be 0..{self.num_classes - 1}{hint}. "
                f"Received: {', '.join(map(str, wrong[:5].tolist()))}."
            )
        return values.ravel().astype(np.int64)
