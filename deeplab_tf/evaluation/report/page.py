"""Renders a report from the templates of this folder, and the images in it."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure
from PIL import Image

from deeplab_tf.data.formatting import percent
from deeplab_tf.data.own_files import REPORT
from deeplab_tf.data.plotting import plot_style
from deeplab_tf.data.spec import VOID_COLOR, DatasetSpec, palette_bytes
from deeplab_tf.evaluation.confusion import ConfusionMatrix, ratio
from deeplab_tf.evaluation.evaluate import MEANS, EvaluatedImage
from deeplab_tf.evaluation.side_by_side import shrink

SIDE = 480  # pixels of an image's longer side at most
STAGES = {1: ("prediction",), 2: ("before CRF", "after CRF")}
ERROR_COLORS = {
    "wrong": (213, 62, 20),
    "void, not counted": (38, 38, 46),
    "corrected by the CRF": (0, 158, 115),
    "made wrong by the CRF": (146, 64, 200),
}
COLUMN_COLORS = ("#868b94", "#2f7fd1", "#d9702b", "#2b9a66", "#9b6bd3", "#d1477a")
_FREQUENT = 12


def render_page(
    columns: Sequence[Mapping[str, Any]],
    matrices: Sequence[ConfusionMatrix],
    spec: DatasetSpec,
    **content: Mapping[str, Any],
) -> str:
    """Renders a report as one HTML page that needs no other file.

    Args:
        columns: what is compared, as from `split_stages`; the evaluation's own first.
        matrices: of the evaluation, one a stage.
        spec: the data set.
        content: what else the template shows.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("deeplab_tf.evaluation.report"), autoescape=True,
        undefined=jinja2.ChainableUndefined, trim_blocks=True,
    )  # fmt: skip
    environment.filters.update(percent=_percent, confusions=_confusions, chart=_chart, url=_url)
    columns = [{**c, "color": COLUMN_COLORS[i % len(COLUMN_COLORS)]} for i, c in enumerate(columns)]
    return environment.get_template("report.html").render(
        content, columns=columns, matrices=dict(zip(STAGES[len(matrices)], matrices, strict=True)),
        spec=spec, means=MEANS, mark=REPORT, error_colors=ERROR_COLORS, void_color=VOID_COLOR,
        differing_images=len({f"{c.get('split')}: {c.get('images')}" for c in columns}) > 1,
    )  # fmt: skip


def _percent(share: Any, digits: int = 2) -> str:
    """Formats a share; what a file of another version lacks is a dash, as what is None."""
    return percent(share if isinstance(share, (int, float)) else None, digits, absent="–")


def _confusions(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[tuple[int, int]]]:
    """Returns shares of the labels' pixels, the wrong pixels, and where most of these are."""
    shares = ratio(counts, np.broadcast_to(counts.sum(1, keepdims=True), counts.shape))
    wrong = counts - np.diag(np.diag(counts))
    largest = np.argsort(-wrong, axis=None, kind="stable")[:_FREQUENT].tolist()
    return shares, wrong, [divmod(at, len(wrong)) for at in largest if wrong.flat[at]]


def _chart(columns: Iterable[Mapping[str, Any]], title: str) -> Markup:
    """Draws a metric over the distance from contours as an SVG element."""
    stream = io.StringIO()
    with plot_style({"svg.fonttype": "none", "font.size": 9, "lines.linewidth": 2}):
        figure = Figure(figsize=(6, 3), layout="constrained")
        axes = figure.add_subplot(frame_on=False)
        axes.set(xlabel="distance from the contours in pixels", ylabel=f"{title} in %")
        axes.tick_params(length=0)
        axes.grid(axis="y", alpha=0.4)
        for one in columns:
            shares = np.array(one["trimap"][MEANS[title]], float)  # NaN for None breaks the line
            style = "--" if one["name"].endswith("before CRF") else "-"
            axes.plot(one["trimap"]["widths"], 100 * shares, style, color=one["color"])
        figure.savefig(stream, format="svg", transparent=True)
    # What stands before the element, and ids that the next chart has too.
    unwanted = r'^.*?(?=<svg)|<metadata>.*</metadata>| id="[\w.]+_\d+"'
    return Markup(re.sub(unwanted, "", stream.getvalue(), flags=re.DOTALL))


def _url(pixels: np.ndarray, lossless: bool) -> str:
    """Returns an image as a URL that carries it."""
    stream, kind = io.BytesIO(), "png" if lossless else "jpeg"
    Image.fromarray(pixels).save(stream, kind, quality=85)
    return f"data:image/{kind};base64,{base64.b64encode(stream.getvalue()).decode()}"


def draw_images(evaluated: EvaluatedImage, spec: DatasetSpec) -> dict[str, np.ndarray]:
    """Draws image, label, predictions and error map as RGB [h, w, 3] of one size, by caption."""
    assert evaluated.label is not None  # a Report refuses splits without labels
    image, label, *predictions = shrink(
        evaluated.image, [evaluated.label, *evaluated.predictions], SIDE, SIDE
    )
    # A light grey where the last prediction is right; few greys, for small files.
    errors = np.asarray(Image.fromarray(image).convert("L").convert("RGB")) // 10 * 5 + 120
    first_wrong, last_wrong = (predictions[at] != label for at in (0, -1))
    errors[last_wrong] = ERROR_COLORS["wrong"]
    errors[first_wrong & ~last_wrong] = ERROR_COLORS["corrected by the CRF"]
    errors[~first_wrong & last_wrong] = ERROR_COLORS["made wrong by the CRF"]
    errors[label == spec.ignore_label] = ERROR_COLORS["void, not counted"]
    colors = np.frombuffer(palette_bytes(spec), np.uint8).reshape(256, 3)
    drawn = [image, *(colors[ids] for ids in (label, *predictions)), errors]
    return dict(zip(("image", "label", *STAGES[len(predictions)], "errors"), drawn, strict=True))
