"""The sections of a report that stand on metrics.json: means, classes, trimaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.evaluation.evaluate import MEANS
from deeplab_tf.evaluation.report.charts import Scores, bars, curves, series_class
from deeplab_tf.evaluation.report.compare import Series
from deeplab_tf.evaluation.report.markup import (
    Element,
    element,
    folded,
    section,
    shown,
    swatch,
    table,
)

_HEADLINE = ("mIoU", "pixel accuracy", "boundary IoU")
_FACTS = {
    "rule for absent classes": "absent",
    "split": "split",
    "images": "images",
    "seconds": "seconds",
}
_CURVES = {"mIoU": "miou", "pixel accuracy": "pixel_accuracy"}


def headline(results: Mapping[str, Any]) -> Element:
    """Shows the final mean scores in large figures, those before the CRF below."""
    last = results.get("crf", results)
    tiles = []
    for title in _HEADLINE:
        key = MEANS[title]
        if key in last:
            below = f"{shown(results[key])} before CRF" if "crf" in results else ""
            tiles.append(_tile(title, shown(last[key]), "%", below))
    split = f"split {results['split']}" if "split" in results else ""
    tiles.append(_tile("images", str(results["images"]), "", split))
    return element("div", *tiles, class_="tiles")


def _tile(title: str, figure: str, unit: str, below: str) -> Element:
    large = element("strong", figure, element("small", unit))
    return element("div", element("div", title), large, element("small", below))


def summary(series: Sequence[Series]) -> Element:
    """Shows the mean scores, one column a series, each with its difference to the first."""
    rows = [
        [title, *_with_differences([one.scores.get(key) for one in series])]
        for title, key in MEANS.items()
        if any(key in one.scores for one in series)
    ]
    rows.append(["majority-class baseline", *map(_constant, series)])
    for title, key in _FACTS.items():
        rows.append([title, *(str(one.results.get(key, "–")) for one in series)])
    caption = "Scores in %, best in bold"
    if len(series) > 1:
        caption += "; small: difference to the first column"
    if len({(one.results.get("split"), one.results.get("images")) for one in series}) > 1:
        caption += "; not all columns are of the same images"
    return section("Summary", table(["", *_headings(series)], rows, caption, class_="numbers"))


def _headings(series: Sequence[Series]) -> list[Element]:
    return [_heading(index, one.name) for index, one in enumerate(series)]


def _heading(index: int, name: str) -> Element:
    return element("span", swatch(class_=series_class(index)), name)


def _with_differences(scores: Scores) -> list[Element]:
    best = max((score for score in scores if score is not None), default=None)
    cells = []
    for index, score in enumerate(scores):
        figure = shown(score)
        parts = [element("strong", figure) if score == best is not None else figure]
        if index and None not in (score, scores[0]):
            parts.append(element("small", f"{100 * (score - scores[0]):+.2f}"))
        cells.append(element("td", *parts))
    return cells


def _constant(series: Series) -> str:
    prediction = series.results.get("best_constant")
    return "–" if prediction is None else f"{shown(prediction['miou'])} ({prediction.get('class')})"


def per_class(
    title: str, key: str, series: Sequence[Series], spec: DatasetSpec, pixels: np.ndarray
) -> Element | None:
    """Shows a score of every class as bars and figures.

    Args:
        title: what is scored.
        key: where the scores are.
        series: a bar and a column each.
        spec: names and colours.
        pixels: [C], labelled pixels of every class.

    Returns:
        The section; None if no series has such scores.
    """
    if not any(key in one.scores for one in series):
        return None
    rows = []
    for index, (name, color) in enumerate(zip(spec.class_names, spec.palette, strict=True)):
        scores = [one.scores.get(key, {}).get(name) for one in series]
        heading = element("span", swatch(color), name, element("small", str(index)))
        share = shown(pixels[index] / max(pixels.sum(), 1))
        rows.append([heading, share, element("td", bars(scores)), *map(shown, scores)])
    scale = element("th", element("span", "0"), element("span", "100"), class_="scale", scope="col")
    caption = f"{title} and share of the labelled pixels in %"
    head = ["class", "pixels", scale, *_headings(series)]
    return section(f"{title} of every class", table(head, rows, caption, class_="numbers"))


def trimaps(series: Sequence[Series]) -> Element | None:
    """Draws the scores near contours over the distance from them; None if not measured."""
    measured = [
        (index, one.name, one.scores["trimap"])
        for index, one in enumerate(series)
        if "trimap" in one.scores
    ]
    if not measured:
        return None
    contours = measured[0][-1]["from"]  # others are no comparison
    measured = [entry for entry in measured if entry[-1]["from"] == contours]
    charts, head, columns = [], ["distance"], []
    for title, key in _CURVES.items():
        name = f"{title} in % up to a distance from the contours"
        lines = [(index, trimap["widths"], trimap[key]) for index, _, trimap in measured]
        charts.append(curves(name, "distance in pixels", lines))
        for index, series_name, trimap in measured:
            head.append(_heading(index, f"{title}, {series_name}"))
            columns.append(dict(zip(trimap["widths"], trimap[key], strict=True)))
    distances = sorted(set().union(*columns))
    rows = [[str(d), *(shown(column.get(d)) for column in columns)] for d in distances]
    names = [_heading(index, name) for index, name, _ in measured]
    return section(
        "Trimap",
        element("p", f"Contours: {contours}", *names, class_="legend"),
        element("div", *charts, class_="charts"),
        folded("All figures", table(head, rows, "Trimap scores in %", class_="numbers")),
    )
