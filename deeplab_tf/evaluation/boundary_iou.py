"""Boundary IoU: the IoU of the rims of regions, which errors at outlines weigh in."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from deeplab_tf.evaluation.confusion import check_pair, checked_counts, mean_over_classes, ratio


class BoundaryIoU:
    """Computes the IoU of every class within a distance of its outlines.

    The rim of a class in a label map is what an erosion by d pixels takes off its region, the
    image's border counting as an outline. The boundary IoU of a class is the pixels of the
    rims in labels and prediction both, divided by those of either, each summed over the data
    set. Void pixels do not count and belong to no region of the prediction either: what is
    predicted there changes nothing, and a perfect prediction has 1.

    Args:
        num_classes: C, labels are 0..C-1.
        ignore_label: the void label.
        ratio: d as a share of the image's diagonal; rounded to pixels, at least 1.

    Source: Cheng, Girshick, Dollar, Berg and Kirillov, "Boundary IoU: Improving Object-Centric
    Image Segmentation Evaluation", CVPR 2021, and its code, which erodes d times by a square of
    side 3 after padding the mask with zeros.

    Example:
        >>> boundary = BoundaryIoU(num_classes=2)
        >>> boundary.update(np.array([[0, 0, 1, 255]]), np.array([[0, 1, 1, 1]]))
        >>> boundary.per_class_iou().tolist()
        [0.5, 0.5]
    """

    def __init__(self, num_classes: int, ignore_label: int = 255, ratio: float = 0.02):
        self._num_classes, self._ignore_label, self._ratio = num_classes, ignore_label, ratio
        self._labelled, self._predicted, self._both = np.zeros([3, num_classes], np.int64)

    @property
    def counts(self) -> dict[str, np.ndarray]:
        """int64 [C] each: pixels of the rims in labels, in predictions, and in both, by name."""
        return {"labelled": self._labelled, "predicted": self._predicted, "both": self._both}

    def add_counts(self, counts: Mapping[str, Any]) -> None:
        """Adds what another one with the same `ratio` has counted.

        Args:
            counts: as the property of that name; lists of whole numbers will do.

        Raises:
            ValueError: they are no counts of so many classes; nothing is added then.
        """
        shape = self._labelled.shape
        checked = {
            name: checked_counts(counts.get(name), shape, f"boundary_pixels' {name}")
            for name in self.counts
        }
        for name, count in self.counts.items():
            count += checked[name]

    def update(self, label: ArrayLike, prediction: ArrayLike) -> None:
        """Counts the pixels of one image.

        Args:
            label: integers [H, W], ids 0..C-1 or the void label.
            prediction: integers [H, W], ids 0..C-1 where the label is not void.

        Raises:
            ValueError: as `ConfusionMatrix.update`; nothing is counted then.
        """
        label, prediction, counted = check_pair(
            label, prediction, self._num_classes, self._ignore_label
        )
        distance = max(1, round(self._ratio * math.hypot(*label.shape)))
        prediction = np.where(counted, prediction, label)
        label_rim = _rim(label, distance) & counted
        prediction_rim = _rim(prediction, distance) & counted
        in_both = label_rim & prediction_rim & (label == prediction)
        self._labelled += self._count(label[label_rim])
        self._predicted += self._count(prediction[prediction_rim])
        self._both += self._count(label[in_both])

    def per_class_iou(self) -> np.ndarray:
        """Returns float64 [C]; NaN for a class in neither labels nor predictions."""
        union = self._labelled + self._predicted - self._both
        return ratio(self._both, union)

    def mean_iou(self, absent: str = "exclude") -> float:
        """Returns the mean over the classes; `absent` as for `mean_over_classes`."""
        return float(mean_over_classes(self.per_class_iou(), self._labelled > 0, absent))

    def _count(self, ids: np.ndarray) -> np.ndarray:
        return np.bincount(ids.astype(np.int64), minlength=self._num_classes)


def _rim(regions: np.ndarray, distance: int) -> np.ndarray:
    """Marks the pixels that erosion takes off the regions of all ids at once.

    A pixel stays if the square of side 2 * distance + 1 around it lies in the image and holds
    one id only: if its smallest id is its largest.
    """
    rim = np.ones(regions.shape, bool)
    side = 2 * distance + 1
    if min(regions.shape) >= side:
        lowest, highest = (_over_squares(f, regions, side) for f in (np.minimum, np.maximum))
        rim[distance:-distance, distance:-distance] = lowest != highest
    return rim


def _over_squares(combine: np.ufunc, values: np.ndarray, side: int) -> np.ndarray:
    """Reduces every square of `side` that fits; [H, W] -> [H - side + 1, W - side + 1]."""
    for _ in range(2):
        covered = 1
        while covered < side:
            step = min(covered, side - covered)
            values = combine(values[:-step], values[step:])
            covered += step
        values = values.T
    return values
