"""Puts the sections of a report together."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

from deeplab_tf.data.own_files import REPORT
from deeplab_tf.data.spec import VOID_COLOR, DatasetSpec
from deeplab_tf.evaluation.confusion import ConfusionMatrix
from deeplab_tf.evaluation.report.compare import Series
from deeplab_tf.evaluation.report.confusion_table import confusion
from deeplab_tf.evaluation.report.example_images import (
    ERROR_COLORS,
    EncodedImage,
    Example,
    error_kinds,
)
from deeplab_tf.evaluation.report.markup import (
    Element,
    element,
    folded,
    section,
    swatch,
    table,
    to_html,
)
from deeplab_tf.evaluation.report.score_tables import headline, per_class, summary, trimaps
from deeplab_tf.evaluation.report.style import STYLE

# Even a class name that got past the escaping could load or run nothing.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_OPEN_LEGEND = 40


def write_page(
    title: str,
    series: Sequence[Series],
    matrices: Mapping[str, ConfusionMatrix],
    examples: Mapping[str, Sequence[Example]],
    spec: DatasetSpec,
    settings: Mapping[str, str],
) -> str:
    """Writes a report as one HTML page that needs no other file.

    Args:
        title: of the page.
        series: what is compared, the evaluation's own first.
        matrices: of the evaluation, by stage.
        examples: rows of images by heading.
        spec: the data set.
        settings: what was run with what.
    """
    pixels = next(iter(matrices.values())).matrix.sum(1)
    sections = [
        headline(series[0].results),
        summary(series),
        per_class("IoU", "per_class_iou", series, spec, pixels),
        per_class("Boundary IoU", "per_class_boundary_iou", series, spec, pixels),
        confusion(matrices, spec),
        trimaps(series),
        _examples(examples, spec, len(matrices)),
        _settings(settings),
    ]
    body = [element("h1", title), *(part for part in sections if part is not None)]
    head = [
        element("meta", charset="utf-8"),
        element("meta", name="generator", content=REPORT),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", STYLE),
    ]
    page = element(
        "html", element("head", *head), element("body", element("main", *body)), lang="en"
    )
    return f"<!DOCTYPE html>\n{to_html(page)}\n"


def _settings(settings: Mapping[str, str]) -> Element:
    rows = table(["setting", "value"], settings.items(), "What was run with what")
    return section("Settings and versions", rows)


def _examples(examples: Mapping[str, Sequence[Example]], spec: DatasetSpec, stages: int) -> Element:
    note = (
        "Chosen by pixel accuracy, the share of an image's labelled pixels that the last answer "
        "has right. Beside this page the rows are report-best-1.png and so on."
    )
    parts = []
    for heading, rows in examples.items():
        parts += [element("h3", heading), *map(_example, rows)]
    classes = element("p", *map(_key, spec.class_names, spec.palette), _key("void", VOID_COLOR))
    classes.set("class", "legend")
    kinds = [_key(*ERROR_COLORS[kind]) for kind in error_kinds(stages)]
    return section(
        "Best and worst images",
        element("p", note, class_="note"),
        classes if spec.num_classes <= _OPEN_LEGEND else folded("Colours of the classes", classes),
        element("p", "Errors: ", *kinds, " right: the image in grey", class_="legend"),
        *parts,
    )


def _key(name: str, color: tuple[int, int, int]) -> Element:
    return element("span", swatch(color), name)


def _example(example: Example) -> Element:
    images = [
        element("figure", _inlined(image, example.name), element("figcaption", image.caption))
        for image in example.images
    ]
    heading = element("h4", example.name, element("small", example.scores))
    return element("article", heading, element("div", *images, class_="images"))


def _inlined(image: EncodedImage, name: str) -> Element:
    data = base64.b64encode(image.data).decode("ascii")
    source = f"data:{image.kind};base64,{data}"
    return element("img", src=source, alt=f"{image.caption} of {name}")
