"""Metrics in narrow bands around contours, as a function of the bands' width."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from deeplab_tf.evaluation.confusion import (
    check_pair,
    checked_counts,
    class_ious,
    mean_over_classes,
    share_right,
)

TRIMAP_SOURCES = ("void", "label_edges")
MAX_WIDTH = 40


class Trimap:
    """Computes mIoU and pixel accuracy of the pixels near contours, for every width of the band.

    The band of width w holds the pixels that have a contour within w rows and w columns: the
    contour is dilated by a square of side 2w + 1. Void pixels never count. Counts are summed
    over the data set for each width; metrics are those of `ConfusionMatrix`.

    Args:
        num_classes: C, labels are 0..C-1.
        ignore_label: the void label.
        contours: `"void"`: the void pixels are the contours, as DeepLab's authors have it on
            PASCAL VOC, where void lines follow all outlines. `"label_edges"`: a pixel is in the
            band if a pixel of another label, void included, is within w rows and columns; for
            data sets whose void is no outline.
        max_width: the bands are 1..max_width pixels wide.

    Raises:
        ValueError: `contours` is neither of the two.

    Source: MyVOCevalsegBoundary.m of DeepLab's code; trimaps are from Kohli, Ladicky and Torr,
    "Robust Higher Order Potentials for Enforcing Label Consistency", IJCV 2009.

    Example:
        >>> trimap = Trimap(num_classes=2, max_width=2)
        >>> trimap.update(np.array([[0, 0, 255, 1]]), np.array([[1, 0, 0, 1]]))
        >>> trimap.pixel_accuracy().round(3).tolist()
        [1.0, 0.667]
    """

    def __init__(
        self,
        num_classes: int,
        ignore_label: int = 255,
        contours: str = "void",
        max_width: int = MAX_WIDTH,
    ):
        if contours not in TRIMAP_SOURCES:
            raise ValueError(
                f"Trimaps are made from {' or '.join(TRIMAP_SOURCES)}. Received: {contours!r}."
            )
        self.contours, self.max_width = contours, max_width
        self._num_classes, self._ignore_label = num_classes, ignore_label
        # Of the pixels that a band holds and the next narrower one does not.
        self._added = np.zeros([max_width, num_classes, num_classes], np.int64)

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
        narrower = self._count_bands_without(label)
        inside = counted & (narrower < self.max_width)
        cells = narrower[inside].astype(np.int64)
        for ids in (label, prediction):
            cells *= self._num_classes
            cells += ids[inside].astype(np.int64)
        counts = np.bincount(cells, minlength=self._added.size)
        self._added += counts.reshape(self._added.shape)

    @property
    def matrices(self) -> np.ndarray:
        """int64 [max_width, C, C]: the confusion matrix of the band of every width."""
        return self._added.cumsum(axis=0)

    def add_counts(self, matrices: Any) -> None:
        """Adds what another trimap of the same contours and widths has counted.

        Args:
            matrices: whole numbers [max_width, C, C], as `matrices` or lists of their rows.

        Raises:
            ValueError: they are no counts, or a band has fewer pixels than a narrower one.
        """
        name = "trimap's confusion_matrices"
        added = np.diff(checked_counts(matrices, self._added.shape, name), axis=0, prepend=0)
        self._added += checked_counts(added, self._added.shape, f"{name}, from width to width,")

    def mean_iou(self, absent: str = "exclude") -> np.ndarray:
        """Returns float64 [max_width]; `absent` as for `mean_over_classes`."""
        matrices = self.matrices
        return mean_over_classes(class_ious(matrices), matrices.sum(-1) > 0, absent)

    def pixel_accuracy(self) -> np.ndarray:
        """Returns float64 [max_width]; NaN where a band is empty."""
        return share_right(self.matrices)

    def _count_bands_without(self, label: np.ndarray) -> np.ndarray:
        """Returns for every pixel, uint16 [H, W], how many of the bands do not hold it."""
        if self.contours == "void":
            band = _over_neighbours(np.maximum, label == self._ignore_label)
        else:
            band = _over_neighbours(np.minimum, label) != _over_neighbours(np.maximum, label)
        without = np.zeros(label.shape, np.uint16)
        for _ in range(self.max_width):
            without += ~band
            band = _over_neighbours(np.maximum, band)
        return without


def _over_neighbours(combine: np.ufunc, values: np.ndarray) -> np.ndarray:
    """Reduces the square of side 3 around every pixel, as far as it lies in the image."""
    tall = values.copy()
    combine(tall[1:], values[:-1], out=tall[1:])
    combine(tall[:-1], values[1:], out=tall[:-1])
    wide = tall.copy()
    combine(wide[:, 1:], tall[:, :-1], out=wide[:, 1:])
    combine(wide[:, :-1], tall[:, 1:], out=wide[:, :-1])
    return wide
