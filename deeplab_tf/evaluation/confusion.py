"""The confusion matrix and the metrics computed from it, with the one rule for mIoU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

# What a class whose union is empty counts as in a mean over classes, where it is not left out.
COUNTS_AS = {"zero": 0.0, "one": 1.0, "nan": np.nan}
ABSENT_RULES = ("exclude", "exclude_unlabelled", *COUNTS_AS)


class ConfusionMatrix:
    """Counts pixels by label and prediction, and computes metrics from the counts.

    The rule: one matrix over the whole data set, never a mean over images. Pixels whose
    label is `ignore_label` are not counted at all. The IoU of a class is its correct pixels
    divided by the pixels that carry it in the labels, the predictions or both. A class that
    occurs in neither has no IoU (NaN) and is left out of the mean; a class that is predicted but
    never labelled has IoU 0 and counts. Without one counted pixel every metric is NaN.
    `mean_over_classes` has the rules of other code bases.

    Args:
        num_classes: C, labels are 0..C-1.
        ignore_label: label of pixels that do not count, or None to count all.

    Attributes:
        matrix: int64 [C, C]; row = label, column = prediction.

    Raises:
        ValueError: `num_classes` is not a positive whole number.

    Source: the PASCAL VOC development kit (Everingham et al.), which counts the same way.

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

    def update(self, labels: ArrayLike, predictions: ArrayLike) -> None:
        """Counts the pixels of one or more images.

        Args:
            labels: integer array or tensor of any shape, ids 0..C-1 or `ignore_label`.
            predictions: integers of the same shape, ids 0..C-1 where the label counts.

        Raises:
            ValueError: the shapes differ, a value is not an integer or out of range; nothing is
                counted then.
        """
        labels, predictions, counted = check_pair(
            labels, predictions, self.num_classes, self.ignore_label
        )
        pairs = labels[counted].astype(np.int64) * self.num_classes
        pairs += predictions[counted].astype(np.int64)
        counts = np.bincount(pairs, minlength=self.matrix.size)
        self.matrix += counts.reshape(self.matrix.shape)

    def add_counts(self, counts: ArrayLike) -> None:
        """Adds what another matrix has counted.

        Args:
            counts: whole numbers [C, C], as `matrix` or a list of its rows.

        Raises:
            ValueError: they are no counts of so many classes.
        """
        self.matrix += checked_counts(counts, self.matrix.shape, "confusion_matrix")

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
        return class_ious(self.matrix)

    def mean_iou(self, absent: str = "exclude") -> float:
        """Returns the mean IoU of the classes; `absent` as for `mean_over_classes`."""
        return float(mean_over_classes(self.per_class_iou(), self.matrix.sum(1) > 0, absent))

    def pixel_accuracy(self) -> float:
        """Returns the share of counted pixels that are right; NaN if none was counted."""
        return float(share_right(self.matrix))

    def mean_accuracy(self) -> float:
        """Returns the mean, over the labelled classes, of the share of a class that is right."""
        labelled = self.matrix.sum(1)
        accuracies = ratio(np.diag(self.matrix), labelled)
        return float(mean_over_classes(accuracies, labelled > 0))

    def frequency_weighted_iou(self) -> float:
        """Returns the sum of IoUs, each times its class's share of the labelled pixels."""
        labelled = self.matrix.sum(1)
        weighted = np.nan_to_num(self.per_class_iou()) * labelled
        return float(ratio(weighted.sum(), labelled.sum()))


def mean_over_classes(
    values: ArrayLike, labelled: ArrayLike, absent: str = "exclude"
) -> np.ndarray:
    """Averages a metric over classes by a rule for classes that do not occur.

    A class in neither labels nor predictions

    - `exclude`: is left out, as in Keras and mmsegmentation.
    - `exclude_unlabelled`: is left out, and so is a class that is predicted but never labelled,
      as in kazuto1011/deeplab-pytorch.
    - `zero`: counts as 0, as in TensorFlow's official models (`MeanIoUV2`) and PaddleSeg.
    - `one`: counts as 1, as in segmentation_models.pytorch.
    - `nan`: makes the mean NaN, as in torchvision's reference scripts and the trimap script of
      DeepLab's authors.

    Args:
        values: float [..., C]; NaN for a class that does not occur.
        labelled: bool [..., C], whether the class occurs in the labels.
        absent: the name of the rule.

    Returns:
        float64 [...]; NaN where no class is left.

    Raises:
        ValueError: there is no such rule.

    Example:
        >>> float(mean_over_classes([0.5, np.nan], [True, False], "zero"))
        0.25
    """
    if absent not in ABSENT_RULES:
        raise ValueError(f"absent must be one of {', '.join(ABSENT_RULES)}. Received: {absent!r}.")
    values = np.asarray(values, np.float64)
    occurs = ~np.isnan(values)
    if absent in COUNTS_AS:
        return np.where(occurs, values, COUNTS_AS[absent]).mean(-1)
    counts = occurs & labelled if absent == "exclude_unlabelled" else occurs
    return ratio(np.where(counts, values, 0.0).sum(-1), counts.sum(-1))


def class_ious(matrices: np.ndarray) -> np.ndarray:
    """Returns the IoU of every class from counts [..., C, C]; NaN where the union is empty."""
    correct = np.diagonal(matrices, axis1=-2, axis2=-1)
    return ratio(correct, matrices.sum(-1) + matrices.sum(-2) - correct)


def share_right(matrices: np.ndarray) -> np.ndarray:
    """Returns the pixel accuracy from counts [..., C, C]; NaN without a counted pixel."""
    return ratio(np.trace(matrices, axis1=-2, axis2=-1), matrices.sum((-2, -1)))


def check_pair(
    labels: ArrayLike, predictions: ArrayLike, num_classes: int, ignore_label: int | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Validates labels and predictions of the same pixels, and finds the pixels that count.

    Args:
        labels: integers of any shape, ids 0..C-1 or `ignore_label`.
        predictions: integers of the same shape, ids 0..C-1 where the label counts.
        num_classes: C.
        ignore_label: label of pixels that do not count, or None to count all.

    Returns:
        Both as arrays, and bool of their shape: whether a pixel counts.

    Raises:
        ValueError: the shapes differ, a value is not an integer or out of range.
    """
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    if labels.shape != predictions.shape:
        raise ValueError(
            "Labels and predictions must have the same shape. "
            f"Received: labels {labels.shape}, predictions {predictions.shape}."
        )
    counted = np.ones(labels.shape, bool) if ignore_label is None else labels != ignore_label
    hint = "" if ignore_label is None else f" or {ignore_label} (ignored)"
    _check_ids(labels, counted, num_classes, "Labels", hint)
    _check_ids(predictions, counted, num_classes, "Predictions")
    return labels, predictions, counted


def checked_counts(counts: Any, shape: Sequence[int], name: str) -> np.ndarray:
    """Validates counts of pixels that come from a file.

    Args:
        counts: whole numbers, none negative.
        shape: which they must have.
        name: what the message calls them.

    Returns:
        int64 of that shape.

    Raises:
        ValueError: they are something else.
    """
    try:
        array = np.asarray(counts)
    except ValueError:  # rows of several lengths
        array = np.asarray(None)
    right = array.dtype == np.int64 and array.shape == tuple(shape) and (array >= 0).all()
    if not right:
        size = " x ".join(map(str, shape))
        raise ValueError(f"{name} is not {size} whole numbers of pixels")
    return array


def _check_ids(
    values: np.ndarray, counted: np.ndarray, num_classes: int, name: str, hint: str = ""
) -> None:
    if values.dtype.kind not in "iu":
        raise ValueError(f"{name} must be integers. Received: dtype {values.dtype}.")
    wrong = ((values < 0) | (values >= num_classes)) & counted
    if wrong.any():
        shown = np.unique(values[wrong])[:5]
        raise ValueError(
            f"{name} must be 0..{num_classes - 1}{hint}. "
            f"Received: {', '.join(map(str, shown.tolist()))}."
        )


def ratio(part: ArrayLike, whole: ArrayLike) -> np.ndarray:
    """Returns part / whole, NaN where the whole is 0."""
    whole = np.asarray(whole)
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)
