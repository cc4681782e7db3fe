"""All metrics of one stage of a predictor, as metrics.json holds them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from deeplab_tf.data.formatting import or_none
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.evaluation.boundary_iou import BoundaryIoU
from deeplab_tf.evaluation.confusion import ConfusionMatrix
from deeplab_tf.evaluation.trimap import Trimap


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

    def results(self) -> dict[str, Any]:
        """Returns the metrics by name; None where there is none, as JSON has no NaN."""
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
        return results

    def _by_name(self, values: Iterable[float]) -> dict[str, float | None]:
        return dict(zip(self._names, map(or_none, values), strict=True))
