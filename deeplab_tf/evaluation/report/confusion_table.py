"""The confusion matrix of a report."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.evaluation.confusion import ConfusionMatrix, ratio
from deeplab_tf.evaluation.report.charts import heat_map, strength
from deeplab_tf.evaluation.report.markup import Element, element, folded, section, shown, table

# A matrix of more classes is drawn without figures.
_MOST_WITH_FIGURES = 34
_LISTED = 12


def confusion(matrices: Mapping[str, ConfusionMatrix], spec: DatasetSpec) -> Element:
    """Shows what the pixels of every class are answered as.

    Args:
        matrices: by the name of their stage; the last stands open, others are folded.
        spec: names the classes.
    """
    *others, (stage, counts) = ((stage, m.matrix) for stage, m in matrices.items())
    note = (
        "Rows are labels, columns answers, both in the order of the classes; a cell is its share "
        "of the row's pixels in %. The colour grows with the share's square root: blue is right, "
        "orange wrong."
    )
    parts = _matrix(stage, counts, spec), _frequent(stage, counts, spec)
    return section(
        "Confusion matrix",
        element("p", note, class_="note"),
        element("div", *parts, class_="beside"),
        *(folded(f"Matrix {other}", _matrix(other, counts, spec)) for other, counts in others),
    )


def _matrix(stage: str, counts: np.ndarray, spec: DatasetSpec) -> Element:
    shares = ratio(counts, np.broadcast_to(counts.sum(1, keepdims=True), counts.shape))
    names = spec.class_names
    title = f"Confusion matrix, {stage}"
    if len(names) > _MOST_WITH_FIGURES:
        return element("figure", element("figcaption", title), heat_map(title, shares, names))
    rows = [
        [name, *(_cell(shares, row, column, names) for column in range(len(names)))]
        for row, name in enumerate(names)
    ]
    head = ["label \\ answer", *(element("span", name) for name in names)]
    return table(head, rows, title, class_="matrix")


def _cell(shares: np.ndarray, row: int, column: int, names: tuple[str, ...]) -> Element:
    share = shares[row, column]
    if np.isnan(share):
        return element("td", shown(share))
    figure = shown(share, 0)
    kind = "right" if row == column else "wrong"
    return element(
        "td", figure, class_=f"{kind} none" if figure == "0" else kind,
        style=f"--strength:{strength(share):.2f}",
        title=f"{names[row]} → {names[column]}: {shown(share)} %",
    )  # fmt: skip


def _frequent(stage: str, counts: np.ndarray, spec: DatasetSpec) -> Element:
    """Lists where most wrong pixels are."""
    wrong = counts - np.diag(np.diag(counts))
    largest = np.argsort(-wrong, axis=None, kind="stable")[:_LISTED]
    rows = []
    for row, column in zip(*np.unravel_index(largest, wrong.shape), strict=True):
        count = int(wrong[row, column])
        if count:
            shares = shown(count / counts[row].sum()), shown(count / wrong.sum())
            names = f"{spec.class_names[row]} → {spec.class_names[column]}"
            rows.append([names, f"{count:,}", *shares])
    head = ["label → answer", "pixels", "% of the label", "% of all wrong pixels"]
    return table(head, rows, f"Most frequent confusions, {stage}", class_="numbers")
