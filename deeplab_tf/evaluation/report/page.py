"""Renders a report from the templates of this folder."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2
import numpy as np

from deeplab_tf.data.own_files import REPORT
from deeplab_tf.data.spec import VOID_COLOR, DatasetSpec
from deeplab_tf.evaluation.confusion import ConfusionMatrix, ratio
from deeplab_tf.evaluation.evaluate import MEANS
from deeplab_tf.evaluation.report.compare import Series
from deeplab_tf.evaluation.report.examples import ERROR_COLORS, Example, data_url
from deeplab_tf.evaluation.report.figures import SERIES_COLORS, line_chart, matrix_chart

_HEADLINE = {title: MEANS[title] for title in ("mIoU", "pixel accuracy", "boundary IoU")}
_FACTS = {"rule for absent classes": "absent"} | {
    key: key for key in ("split", "images", "seconds")
}
_PER_CLASS = {"IoU": "per_class_iou", "Boundary IoU": "per_class_boundary_iou"}
_CURVES = {"mIoU": "miou", "pixel accuracy": "pixel_accuracy"}
_FREQUENT = 12


def render_page(
    series: Sequence[Series],
    matrices: Mapping[str, ConfusionMatrix],
    examples: Mapping[str, Sequence[Example]],
    spec: DatasetSpec,
    settings: Mapping[str, str],
) -> str:
    """Renders a report as one HTML page that needs no other file.

    Args:
        series: what is compared, the evaluation's own first.
        matrices: of the evaluation, by stage.
        examples: rows of images by heading.
        spec: the data set.
        settings: what the evaluation was run with, by name.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("deeplab_tf.evaluation.report"), autoescape=True,
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters.update(percent=percent, rgb=lambda c: f"rgb{tuple(c)}", data_url=data_url)
    pixels = next(iter(matrices.values())).matrix.sum(1)
    per_class = {title: _per_class(series, key, spec) for title, key in _PER_CLASS.items()}
    return environment.get_template("report.html").render(
        mark=REPORT,
        series=series,
        series_colors=SERIES_COLORS,
        headline=_HEADLINE,
        facts=_FACTS,
        differing_images=len({(r.get("split"), r.get("images")) for _, _, r in series}) > 1,
        means=_means(series),
        shares=(pixels / max(pixels.sum(), 1)).tolist(),
        per_class={title: rows for title, rows in per_class.items() if rows},
        confusions=[_confusion(stage, m.matrix, spec) for stage, m in matrices.items()][::-1],
        trimap=_trimap(series),
        examples={heading: rows for heading, rows in examples.items() if rows},
        error_colors=list(ERROR_COLORS.items())[: 2 * len(matrices)],
        void_color=VOID_COLOR,
        spec=spec,
        settings=settings,
    )


def percent(share: float | None, digits: int = 2) -> str:
    """Formats a share, 0..1, in per cent; "–" where there is none.

    Example:
        >>> percent(0.12345), percent(None), percent(float("nan"))
        ('12.35', '–', '–')
    """
    return "–" if share is None or math.isnan(share) else f"{100 * share:.{digits}f}"


def _means(series: Sequence[Series]) -> dict[str, list[float | None]]:
    """Returns the mean metrics that any series has by title, one value a series."""
    return {
        title: [one.metrics.get(key) for one in series]
        for title, key in MEANS.items()
        if any(key in one.metrics for one in series)
    }


def _per_class(series: Sequence[Series], key: str, spec: DatasetSpec) -> list[list[float | None]]:
    """Returns a metric of every class, one value a series; nothing where no series has it."""
    columns = [one.metrics.get(key, {}) for one in series]
    return [[c.get(name) for c in columns] for name in spec.class_names] if any(columns) else []


def _confusion(stage: str, counts: np.ndarray, spec: DatasetSpec) -> dict[str, Any]:
    labelled = counts.sum(1, keepdims=True)
    shares = ratio(counts, np.broadcast_to(labelled, counts.shape))
    wrong = np.where(np.eye(len(counts), dtype=bool), 0, counts)
    frequent = []
    for at in np.argsort(-wrong, axis=None, kind="stable")[:_FREQUENT]:
        row, column = divmod(int(at), len(counts))
        if wrong[row, column]:
            names = f"{spec.class_names[row]} → {spec.class_names[column]}"
            count = wrong[row, column]
            frequent.append((names, int(count), shares[row, column], count / wrong.sum()))
    return {"stage": stage, "chart": matrix_chart(shares, spec.class_names), "frequent": frequent}


def _trimap(series: Sequence[Series]) -> dict[str, Any] | None:
    """Returns the metrics near contours over the distance from them; None if not measured."""
    trimaps = {i: one.metrics["trimap"] for i, one in enumerate(series) if "trimap" in one.metrics}
    if not trimaps:
        return None
    contours = next(iter(trimaps.values()))["from"]  # others cannot be compared with it
    trimaps = {index: trimap for index, trimap in trimaps.items() if trimap["from"] == contours}
    curves = {
        title: [(i, dict(zip(t["widths"], t[key], strict=True))) for i, t in trimaps.items()]
        for title, key in _CURVES.items()
    }
    return {
        "contours": contours,
        "series": list(trimaps),
        "curves": curves,
        "charts": [
            line_chart("distance from the contours in pixels", f"{title} in %", lines)
            for title, lines in curves.items()
        ],
        "widths": sorted(set().union(*(t["widths"] for t in trimaps.values()))),
    }
