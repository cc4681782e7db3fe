"""Draws a report's charts with Matplotlib, as SVG that follows the page's colour scheme."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup, escape
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from deeplab_tf.data.plotting import plot_style

SERIES_COLORS = ("#868b94", "#2f7fd1", "#d9702b", "#2b9a66", "#9b6bd3", "#d1477a")
# Placeholders: the SVG gets the style sheet's variable of this name instead.
_TEXT, _QUIET, _LINE, _SHADE, _RIGHT, _WRONG = (f"#00000{digit}" for digit in range(1, 7))
_VARIABLES = {
    _TEXT: "text", _QUIET: "quiet", _LINE: "line", _SHADE: "shade", _RIGHT: "right",
    _WRONG: "wrong",
}  # fmt: skip
_STYLE = {
    "svg.fonttype": "none", "font.size": 9, "font.family": "DejaVu Sans",
    "figure.facecolor": "none", "axes.facecolor": "none", "axes.edgecolor": _LINE,
    "axes.labelcolor": _QUIET, "text.color": _TEXT, "xtick.color": _QUIET, "ytick.color": _QUIET,
    "xtick.major.size": 0, "ytick.major.size": 0, "grid.color": _LINE, "axes.axisbelow": True,
    "axes.spines.left": False, "axes.spines.right": False, "axes.spines.top": False,
}  # fmt: skip
# A matrix of more classes has no numbers in its cells; shares below _VISIBLE have no cell.
_MOST_WITH_NUMBERS, _VISIBLE, _LONGEST_NAME = 34, 0.005, 28


def line_chart(
    x_label: str, y_label: str, lines: Mapping[int, Mapping[float, float | None]]
) -> Markup:
    """Draws lines over common axes.

    Args:
        x_label: name of the x axis.
        y_label: name of the y axis.
        lines: shares 0..1 by x value, by the number of the series, which gives the colour; None
            breaks a line.

    Returns:
        An SVG element.
    """
    with plot_style(_STYLE):
        figure = Figure(figsize=(6, 3), layout="constrained")
        axes = figure.add_subplot(xlabel=x_label, ylabel=y_label)
        axes.grid(axis="y")
        axes.margins(x=0.01)
        for index, shares in lines.items():
            axes.plot(
                list(shares), 100 * np.array(list(shares.values()), float), linewidth=2,
                color=SERIES_COLORS[index % len(SERIES_COLORS)],
                linestyle="-" if index % 2 else "--",
            )  # fmt: skip
        return _svg(figure)


def matrix_chart(shares: np.ndarray, names: Sequence[str]) -> Markup:
    """Draws a confusion matrix; a cell's tooltip names it.

    Args:
        shares: float [C, C], 0..1: of the pixels with the row's label, those predicted as the
            column's class; NaN in rows of classes without pixels.
        names: of the classes.

    Returns:
        An SVG element.
    """
    count, has_numbers = len(names), len(names) <= _MOST_WITH_NUMBERS
    side = count * (0.3 if has_numbers else 0.085)
    short = [n if len(n) <= _LONGEST_NAME else f"{n[: _LONGEST_NAME - 1]}…" for n in names]
    with plot_style(_STYLE):
        figure = Figure(figsize=(side, side))
        axes = figure.add_axes((0, 0, 1, 1), xlim=(0, count), ylim=(count, 0), facecolor=_SHADE)
        places, size = np.arange(count) + 0.5, 8.5 if has_numbers else 5.5
        axes.set_xticks(
            places, short, size=size, rotation=90, rotation_mode="anchor", ha="left", va="center"
        )
        axes.set_yticks(places, short, size=size)
        axes.tick_params(labeltop=True, labelbottom=False)
        axes.spines.bottom.set_visible(False)
        axes.set_ylabel("label")
        axes.set_title("prediction", size=9, color=_QUIET)
        titles = {}
        for row, column in np.argwhere(np.nan_to_num(shares) >= _VISIBLE).tolist():
            share, name = shares[row, column], f"cell-{row}-{column}"
            titles[name] = f"{names[row]} → {names[column]}: {100 * share:.2f} %"
            cell = Rectangle((column + 0.02, row + 0.02), 0.96, 0.96, linewidth=0, gid=name)
            # The square root lets rare confusions be seen.
            cell.set(facecolor=_RIGHT if row == column else _WRONG, alpha=math.sqrt(share))
            axes.add_patch(cell)
            if has_numbers:
                axes.text(
                    column + 0.5, row + 0.5, f"{100 * share:.0f}", size=8, ha="center",
                    va="center_baseline",
                )  # fmt: skip
        return _svg(figure, titles)


def _svg(figure: Figure, titles: Mapping[str, str] | None = None) -> Markup:
    """Writes a figure as an SVG element for a page that may hold several.

    Args:
        figure: what is drawn.
        titles: tooltips by the `gid` of what they belong to.
    """
    stream = io.StringIO()
    no_metadata = dict.fromkeys(["Creator", "Date", "Format", "Type"])
    figure.savefig(stream, format="svg", bbox_inches="tight", metadata=no_metadata)
    text = stream.getvalue()
    text = re.sub(r"<style.*?</style>", "", text[text.index("<svg") :], flags=re.DOTALL)
    for color, name in _VARIABLES.items():
        text = text.replace(f": {color}", f": var(--{name})")
    text = re.sub(
        r'<g id="(cell-\d+-\d+)">',
        lambda match: f"<g><title>{escape((titles or {})[match[1]])}</title>",
        text,
    )
    return Markup(re.sub(r'(<\w+) id="[a-z0-9.]+_\d+"', r"\1", text))
