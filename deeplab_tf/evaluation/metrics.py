"""All metrics of one stage of a predictor, as metrics.json holds them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from deeplab_tf.data.formatting import or_none
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.evaluation.boundary_iou import BoundaryIoU
from deeplab_tf.evaluation.confusion import ConfusionMatrix
from deeplab_tf.evaluation.trimap import Trimap

_COUNTS = {"confusion_matrix", "confusion_matrices", "boundary_pixels"}


class Metrics:
    """Accumulates the metrics of one stage's predictions, image by image.

    Args:
        spec: the data set.
        trimap: what trimaps are made from, see `Trimap`; None for none. Adds mIoU and pixel
            accuracy near contours.
        boundary: whether the boundary IoU is computed, see `BoundaryIoU`.
        absent: what classes that do not occur count as, see `mean_over_classes`.

    Attributes:
        confusion: the ConfusionMatrix.

    Raises:
        ValueError: `trimap` or `absent` is no such name.

    Example:
        >>> metrics = Metrics(DatasetSpec("pets", ("background", "cat")), boundary=True)
        >>> metrics.update(np.array([[0, 0, 1, 255]]), np.array([[0, 1, 1, 1]]))
        >>> results = metrics.results()
        >>> results["miou"], results["boundary_iou"]
        (0.5, 0.5)
    """

    def __init__(
        self,
        spec: DatasetSpec,
        trimap: str | None = None,
        boundary: bool = False,
        absent: str = "exclude",
    ):
        shape = (spec.num_classes, spec.ignore_label)
        self._names, self._absent = spec.class_names, absent
        self.confusion = ConfusionMatrix(*shape)
        self._trimap = None if trimap is None else Trimap(*shape, contours=trimap)
        self._boundary = BoundaryIoU(*shape) if boundary else None
        self._all = [m for m in (self.confusion, self._trimap, self._boundary) if m is not None]
        self.confusion.mean_iou(absent)  # a wrong name fails now, not at the end

    def update(self, label: np.ndarray, prediction: np.ndarray) -> None:
        """Counts one image.

        Args:
            label: integers [H, W], class ids or the ignore label.
            prediction: integers [H, W], class ids.

        Raises:
            ValueError: the shapes differ, a value is not an integer or out of range; nothing is
                counted then.
        """
        for metric in self._all:
            metric.update(label, prediction)

    def add_counts(self, results: Mapping[str, Any]) -> None:
        """Adds what another one with the same arguments has counted.

        Args:
            results: its results with counts.

        Raises:
            ValueError: they are no counts of these classes and measures.
        """
        self.confusion.add_counts(results["confusion_matrix"])
        if self._trimap is not None:
            self._trimap.add_counts(results["trimap"]["confusion_matrices"])
        if self._boundary is not None:
            self._boundary.add_counts(results["boundary_pixels"])

    def results(self, counts: bool = False) -> dict[str, Any]:
        """Returns the metrics by name; None where there is none, as JSON has no NaN.

        Args:
            counts: whether the pixels that they are computed from are there too, as lists of whole
                numbers: `confusion_matrix` [C, C] (row = label, column = prediction),
                `confusion_matrices` [widths, C, C] of the trimap, `boundary_pixels`.
        """
        confusion, absent = self.confusion, self._absent
        results: dict[str, Any] = {
            "miou": or_none(confusion.mean_iou(absent)),
            "absent": absent,
            "pixel_accuracy": or_none(confusion.pixel_accuracy()),
            "mean_accuracy": or_none(confusion.mean_accuracy()),
            "frequency_weighted_iou": or_none(confusion.frequency_weighted_iou()),
            "per_class_iou": self._by_name(confusion.per_class_iou()),
        }
        if self._trimap is not None:
            results["trimap"] = {
                "from": self._trimap.contours,
                "widths": list(range(1, self._trimap.max_width + 1)),
                "miou": [or_none(value) for value in self._trimap.mean_iou(absent)],
                "pixel_accuracy": [or_none(value) for value in self._trimap.pixel_accuracy()],
            }
        if self._boundary is not None:
            results["boundary_iou"] = or_none(self._boundary.mean_iou(absent))
            results["per_class_boundary_iou"] = self._by_name(self._boundary.per_class_iou())
        return {**results, **self._counts(results)} if counts else results

    def _counts(self, results: dict[str, Any]) -> dict[str, Any]:
        """Returns what the results have besides with the counts."""
        counts: dict[str, Any] = {"confusion_matrix": self.confusion.matrix.tolist()}
        if self._trimap is not None:
            matrices = self._trimap.matrices.tolist()
            counts["trimap"] = {**results["trimap"], "confusion_matrices": matrices}
        if self._boundary is not None:
            counts["boundary_pixels"] = {k: v.tolist() for k, v in self._boundary.counts.items()}
        return counts

    def _by_name(self, values: Iterable[float]) -> dict[str, float | None]:
        return dict(zip(self._names, map(or_none, values), strict=True))


def without_counts(results: dict[str, Any]) -> dict[str, Any]:
    """Returns the results of `evaluate` as they are without counts, for a log.

    Args:
        results: with counts or without.

    Example:
        >>> without_counts({"miou": 1.0, "confusion_matrix": [[3]], "crf": {"miou": 1.0}})
        {'miou': 1.0, 'crf': {'miou': 1.0}}
    """
    kept = {key: value for key, value in results.items() if key not in _COUNTS}
    for part in {"crf", "trimap"} & set(kept):
        kept[part] = without_counts(kept[part])
    return kept
