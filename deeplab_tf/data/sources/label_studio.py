"""Label Studio: JSON exports with brush masks, polygons, rectangles and ellipses."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np

from deeplab_tf.data.json_file import read_json
from deeplab_tf.data.sources.archive import Item, Source
from deeplab_tf.data.sources.brush_rle import decode_brush
from deeplab_tf.data.sources.image_index import (
    ImageIndex,
    example_name,
    files_below,
    split_and_name,
    upright_size,
)
from deeplab_tf.data.sources.raster import as_points, ellipse, polygon, turned
from deeplab_tf.data.sources.region import Region, Size, bitmap
from deeplab_tf.data.sources.shapes import Shape, describe, id_of, ids_by_name, paint, read_entries
from deeplab_tf.data.spec import DataError

_LARGEST_BYTES = 2**30
# What is in a value -> what it describes.
_KINDS = {"rle": "brush", "points": "polygon", "radiusX": "ellipse", "height": "rectangle"}
# Of a result that has a shape and labels: polygonlabels, or labels beside a tag of their own.
_LABELS = "labels"
# Uploads get eight hexadecimal digits in front of their names.
_UPLOAD = re.compile(r"^[0-9a-f]{8}-")


def open_label_studio(source: Path) -> Source:
    """Opens a folder of JSON exports (JSON or JSON-MIN) and the images, in sub-folders or not.

    Classes are those that occur, in alphabetical order.
    """
    images, found = ImageIndex(source), []
    warnings = []
    for path in files_below(source, ".json"):
        tasks = _tasks(path)
        unlabelled = sum(_results(task) is None for task in tasks)
        if unlabelled:
            warnings.append(f"{path}: {unlabelled} task(s) without an annotation left out.")
        found += [(path, task) for task in tasks if _results(task) is not None]
    if not found:
        raise DataError(f"{source}: holds no JSON export of Label Studio. See docs/data_sets.md.")
    splits: dict[str, list[Item]] = {}
    names = set()
    for path, task in found:
        item, split = _item(path, task, images)
        names |= {name for entry in item.entries["results"] for name in _labels(entry)}
        splits.setdefault(split, []).append(item)
    spec = describe(source, sorted(names))
    draw = partial(draw_label_studio, ids=ids_by_name(spec))
    return Source(spec, splits, draw=draw, warnings=tuple(warnings))


def draw_label_studio(item: Item, line_width: float, ids: dict[str, int]) -> np.ndarray:
    """Paints the results of a task.

    Args:
        item: its entries are those of the task.
        line_width: of no meaning here.
        ids: id of every name.

    Raises:
        DataError: one line for every result that is wrong.
    """
    size = upright_size(item.image)

    def read(entry: dict[str, Any]) -> list[Shape]:
        labels = _labels(entry)
        if len(labels) != 1:
            raise ValueError(f"has {len(labels)} labels; one is needed")
        height, width = entry.get("original_height", size[0]), entry.get("original_width", size[1])
        if (height, width) != size:
            raise ValueError(
                f"is of an image of {width} x {height} pixels, not {size[1]} x {size[0]}"
            )
        return [Shape(id_of(labels[0], ids), _region(entry, size))]

    where = f"{item.label}, image {item.name!r}"
    return paint(read_entries(where, item.entries["results"], read, "result"), size)


def _tasks(path: Path) -> list[dict[str, Any]]:
    try:
        values = read_json(path, _LARGEST_BYTES)
    except (OSError, ValueError) as error:
        raise DataError(
            str(error) if type(error) is ValueError else f"{path}: cannot be read."
        ) from None
    tasks = values if isinstance(values, list) else []
    return [task for task in tasks if isinstance(task, dict) and _image_of(task)]


def _image_of(task: dict[str, Any]) -> str | None:
    """Returns the address of a task's image: the first value that ends as an image's does."""
    values = task.get("data", task)
    texts = [v for v in values.values() if isinstance(v, str)] if isinstance(values, dict) else []
    endings = r"\.(jpe?g|png)($|[?&#])"
    return next((text for text in texts if re.search(endings, text.lower())), None)


def _results(task: dict[str, Any]) -> list | None:
    """Returns what was drawn: of several annotations the true one, or the last; None for none."""
    if "annotations" in task or "completions" in task:
        every = task.get("annotations") or task.get("completions") or []
        listed = every if isinstance(every, list) else []
        done = [a for a in listed if isinstance(a, dict) and not a.get("was_cancelled")]
        true = [a for a in done if a.get("ground_truth")] or done[-1:]
        results = true[-1].get("result") if true else None
        return [r for r in results if _is_drawn(r)] if isinstance(results, list) else None
    drawn = [v for v in task.values() if isinstance(v, list) and any(map(_is_drawn, v))]
    return [entry for entries in drawn for entry in entries] or None


def _is_drawn(entry: Any) -> bool:
    """Returns whether a result is a shape, and not a choice, a text or a relation."""
    values = entry.get("value", entry) if isinstance(entry, dict) else None
    return isinstance(values, dict) and any(key.endswith(_LABELS) for key in values)


def _labels(entry: Any) -> list[str]:
    if not _is_drawn(entry):
        return []
    values = entry.get("value", entry)
    labels = next(values[key] for key in values if key.endswith(_LABELS))
    listed = labels if isinstance(labels, list) else []
    return [label for label in listed if isinstance(label, str) and label.strip()]


def _item(path: Path, task: dict[str, Any], images: ImageIndex) -> tuple[Item, str]:
    address = urlsplit(_image_of(task) or "")
    name = unquote(parse_qs(address.query).get("d", [address.path])[0])
    stem = Path(name).name
    found = images.find(name, path) or images.find(_UPLOAD.sub("", stem), path)
    image = found or path.with_name(stem)
    split, name = "train", example_name(_UPLOAD.sub("", stem))
    if found:
        split, name = split_and_name(images.place_of(found))
    return Item(name, image, path, {"results": _results(task)}), split


def _region(entry: dict[str, Any], size: Size) -> Region:
    values = entry.get("value", entry)
    kind = next((kind for key, kind in _KINDS.items() if key in values), None)
    if kind is None:
        raise ValueError("is no brush, polygon, rectangle or ellipse")
    if kind == "brush":
        return bitmap(decode_brush(values["rle"], size), 0, 0, size)
    pixels = np.array([size[1], size[0]]) / 100  # all else is in per cent
    if kind == "polygon":
        return polygon(as_points(values["points"], 3) * pixels, size)
    angle = float(values.get("rotation", 0))
    corner = as_points([[values["x"], values["y"]]], 1)[0] * pixels
    if kind == "ellipse":
        radii = (values["radiusX"] * pixels[0], values["radiusY"] * pixels[1])
        return ellipse(corner, radii, size, angle)
    width, height = np.array([values["width"], values["height"]]) * pixels
    offsets = np.array([[0, 0], [width, 0], [width, height], [0, height]])
    return polygon(turned(corner + offsets, corner, angle), size)
