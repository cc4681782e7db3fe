"""Charts as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from deeplab_tf.evaluation.report.markup import Element, element, shown

SERIES_COLORS = 6  # how many the style sheet has; further series start again
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 560, 300, 44, 12, 12, 42
_CELL, _MARGIN, _TICKS = 8, 32, 10
_VISIBLE = 0.005

Scores = Sequence[float | None]


def series_class(index: int) -> str:
    """The class of the style sheet that gives a series its colour."""
    return f"series{index % SERIES_COLORS}"


def bars(shares: Scores) -> Element:
    """Draws one bar a series below each other, 0..1 over the whole width."""
    rectangles = [
        element(
            "rect", x=0, y=10 * i + 1, width=f"{100 * share:.2f}", height=8, class_=series_class(i)
        )
        for i, share in enumerate(shares)
        if share is not None
    ]
    box = f"0 0 100 {10 * len(shares)}"
    return element(
        "svg", *rectangles, class_="bars", viewBox=box, preserveAspectRatio="none",
        style=f"height:{10 * len(shares)}px", aria_hidden="true",
    )  # fmt: skip


def curves(
    title: str, x_name: str, lines: Sequence[tuple[int, Sequence[float], Scores]]
) -> Element:
    """Draws lines over common axes.

    Args:
        title: what is drawn; the name of the y axis too.
        x_name: name of the x axis.
        lines: number of the series, x values and shares, 0..1; None breaks a line.
    """
    ends = [x for _, xs, _ in lines for x in xs]
    left, right = min(ends), max(ends)
    shares = [share for *_, scores in lines for share in scores if share is not None]
    step, bottom, top = _axis(min(shares, default=0.0), max(shares, default=1.0))

    def place(x: float, share: float) -> tuple[float, float]:
        across = (x - left) / max(right - left, 1e-9) * (_WIDTH - _LEFT - _RIGHT)
        up = (share - bottom) / (top - bottom) * (_HEIGHT - _TOP - _BOTTOM)
        return round(_LEFT + across, 1), round(_HEIGHT - _BOTTOM - up, 1)

    parts = []
    for share in np.arange(round(bottom / step), round(top / step) + 1) * step:
        x, y = place(left, share)
        parts.append(element("line", x1=x, x2=_WIDTH - _RIGHT, y1=y, y2=y, class_="grid"))
        parts.append(_text(shown(share, 0), x - 6, y + 4, "end"))
    for x_value in sorted({left, *range(_TICKS, math.ceil(right), _TICKS), right}):
        x, y = place(x_value, bottom)
        parts.append(_text(f"{x_value:g}", x, y + 16, "middle"))
    parts.append(_text(x_name, (_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 6, "middle"))
    for index, xs, scores in lines:
        parts.append(element("path", d=_path(xs, scores, place), class_=series_class(index)))
    box = f"0 0 {_WIDTH} {_HEIGHT}"
    drawing = element("svg", *parts, class_="curves", viewBox=box, role="img", aria_label=title)
    return element("figure", element("figcaption", title), drawing)


def _axis(lowest: float, highest: float) -> tuple[float, float, float]:
    """Distance of the ticks, and the round values around what is drawn."""
    spread = max(highest - lowest, 0.02)
    step = next(s for s in (0.01, 0.02, 0.05, 0.1, 0.2) if spread / s <= 6)
    bottom = math.floor(lowest / step) * step
    return step, bottom, max(math.ceil(highest / step) * step, bottom + step)


def _path(xs, scores, place) -> str:
    steps, pen_down = [], False
    for x, share in zip(xs, scores, strict=True):
        if share is not None:
            steps.append("{}{} {}".format("L" if pen_down else "M", *place(x, share)))
        pen_down = share is not None
    return " ".join(steps)


def _text(text: str, x: float, y: float, anchor: str) -> Element:
    return element("text", text, x=x, y=y, text_anchor=anchor)


def heat_map(title: str, shares: np.ndarray, names: Sequence[str]) -> Element:
    """Draws a matrix of shares, one small square a cell; a cell's own title names it.

    Args:
        title: what is drawn.
        shares: [C, C], 0..1 or NaN; below half a per cent nothing is drawn.
        names: of the classes.
    """
    side = _CELL * len(names)
    parts = [element("rect", x=_MARGIN, y=_MARGIN, width=side, height=side, class_="frame")]
    for index in range(0, len(names), _TICKS):
        middle = _MARGIN + _CELL * (index + 0.5)
        parts.append(_text(str(index), _MARGIN - 6, middle + 4, "end"))
        parts.append(_text(str(index), middle, _MARGIN - 6, "middle"))
    for row, column in np.argwhere(np.nan_to_num(shares) >= _VISIBLE).tolist():
        share = shares[row, column]
        cell = element(
            "rect", element("title", f"{names[row]} → {names[column]}: {shown(share)} %"),
            x=_MARGIN + _CELL * column, y=_MARGIN + _CELL * row, width=_CELL, height=_CELL,
            class_="right" if row == column else "wrong", fill_opacity=f"{strength(share):.2f}",
        )  # fmt: skip
        parts.append(cell)
    box = f"0 0 {_MARGIN + side} {_MARGIN + side}"
    return element("svg", *parts, class_="heat", viewBox=box, role="img", aria_label=title)


def strength(share: float) -> float:
    """How strongly a cell is coloured; the square root lets rare confusions be seen."""
    return math.sqrt(share)
