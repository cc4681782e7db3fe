"""Renders a report from the templates of this folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jinja2
import numpy as np

from deeplab_tf.data.formatting import percent
from deeplab_tf.data.own_files import REPORT
from deeplab_tf.data.spec import VOID_COLOR, DatasetSpec
from deeplab_tf.evaluation.confusion import ConfusionMatrix, ratio
from deeplab_tf.evaluation.evaluate import MEANS
from deeplab_tf.evaluation.report.compare import Series
from deeplab_tf.evaluation.report.examples import ERROR_COLORS, Example, data_url
from deeplab_tf.evaluation.report.figures import SERIES_COLORS, line_chart, matrix_chart

_HEADLINE = {title: MEANS[title] for title in ("mIoU", "pixel accuracy", "boundary IoU")}
_FACTS = {
    "rule for absent classes": "absent",
    "split": "split",
    "images": "images",
    "seconds": "seconds",
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
        undefined=jinja2.StrictUndefined, trim_blocks=True, extensions=["jinja2.ext.do"],
    )  # fmt: skip
    environment.filters.update(percent=_percent, rgb=lambda c: f"rgb{tuple(c)}", data_url=data_url)
    pixels = next(iter(matrices.values())).matrix.sum(1)
    page = environment.get_template("report.html").render(
        mark=REPORT, series=series, series_colors=SERIES_COLORS, headline=_HEADLINE, spec=spec,
        differing_images=len({(r.get("split"), r.get("images")) for *_, r in series}) > 1,
        means={
            title: [one.metrics.get(key) for one in series]
            for title, key in MEANS.items() if any(key in one.metrics for one in series)
        },
        facts={"majority-class baseline": [_baseline(one.results) for one in series]}
        | {title: [one.results.get(key, "–") for one in series] for title, key in _FACTS.items()},
        per_class={
            title: [[c.get(name) for c in columns] for name in spec.class_names]
            for title, key in _PER_CLASS.items()
            if any(columns := [one.metrics.get(key, {}) for one in series])
        },
        shares=pixels / max(pixels.sum(), 1),
        confusions=[_confusion(stage, m.matrix, spec) for stage, m in matrices.items()][::-1],
        trimap=_trimap(series), examples=examples, settings=settings, void_color=VOID_COLOR,
        error_colors=list(ERROR_COLORS.items())[: 2 * len(matrices)],
    )  # fmt: skip
    return f"{page.lstrip()}\n"


def _percent(share: float | None) -> str:
    return percent(share, absent="–")


def _baseline(results: Mapping[str, Any]) -> str:
    baseline = results.get("best_constant")
    return f"{_percent(baseline['miou'])} ({baseline.get('class')})" if baseline else "–"


def _confusion(stage: str, counts: np.ndarray, spec: DatasetSpec) -> dict[str, Any]:
    """Returns the chart of a matrix and where most of the wrong pixels are."""
    names, wrong = spec.class_names, counts - np.diag(np.diag(counts))
    shares = ratio(counts, np.broadcast_to(counts.sum(1, keepdims=True), counts.shape))
    frequent = [
        (f"{names[i]} → {names[j]}", wrong[i, j], [shares[i, j], wrong[i, j] / wrong.sum()])
        for i, j in (divmod(at, len(names)) for at in np.argsort(-wrong, axis=None, kind="stable"))
        if wrong[i, j]
    ]
    chart = matrix_chart(shares, names)
    return {"stage": stage, "chart": chart, "frequent": frequent[:_FREQUENT]}


def _trimap(series: Sequence[Series]) -> dict[str, Any] | None:
    """Returns the metrics near contours over the distance from them; None if not measured."""
    trimaps = {i: one.metrics["trimap"] for i, one in enumerate(series) if "trimap" in one.metrics}
    if not trimaps:
        return None
    contours = next(iter(trimaps.values()))["from"]  # others cannot be compared with it
    trimaps = {index: trimap for index, trimap in trimaps.items() if trimap["from"] == contours}
    curves = {
        (title, index): dict(zip(trimap["widths"], trimap[key], strict=True))
        for title, key in _CURVES.items()
        for index, trimap in trimaps.items()
    }
    charts = [
        line_chart(
            "distance from the contours in pixels", f"{title} in %",
            {index: curve for (name, index), curve in curves.items() if name == title},
        ) for title in _CURVES
    ]  # fmt: skip
    widths = sorted(set().union(*curves.values()))
    rows = {width: [curve.get(width) for curve in curves.values()] for width in widths}
    return {"contours": contours, "series": list(trimaps), "columns": list(curves), "rows": rows,
            "charts": charts}  # fmt: skip
