"""labelme: a JSON file of shapes beside each image, or with the image in it."""

from __future__ import annotations

import base64
import io
from collections import defaultdict
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from deeplab_tf.data.json_file import read_json
from deeplab_tf.data.other_formats import BROKEN_IMAGE
from deeplab_tf.data.sources.archive import Item, Source, read_file
from deeplab_tf.data.sources.image_index import (
    ImageIndex,
    files_below,
    split_and_name,
    upright_size,
)
from deeplab_tf.data.sources.raster import as_points, ellipse, polygon, rectangle, stroke
from deeplab_tf.data.sources.region import Region, Size, bitmap
from deeplab_tf.data.sources.shapes import (
    Shape,
    describe,
    id_of,
    ids_by_name,
    paint,
    read_entries,
    stated_size,
)
from deeplab_tf.data.spec import DataError

# With an image of the size of a poster in it.
_LARGEST_BYTES = 512 * 2**20
_LABEL_LIST = "labels.txt"


def open_labelme(source: Path) -> Source:
    """Opens a folder of labelme's JSON files and images, in sub-folders or not.

    Classes are those of the JSON files in alphabetical order, or in that of ``labels.txt``.
    """
    images, splits = ImageIndex(source), defaultdict(list)
    names: set[str] = set()
    used, others = set(), []
    for path in files_below(source, ".json"):
        image, name = None, ""
        try:
            values = _read(path)
            if values is None:
                others.append(path)
                continue
            names |= _names(values)
            name = str(values.get("imagePath") or "")
            image = images.find(name, path)
            if image is None and values.get("imageData"):
                image = path
        except DataError:
            pass  # the converter reads it again and reports it
        image = image or images.of_stem(path) or images.locate(name, path)
        split, name = split_and_name(PurePosixPath(path.relative_to(source).as_posix()))
        splits[split].append(Item(name, image, path))
        used.add(image)
    if not splits:
        raise DataError(f"{source}: holds no JSON files of labelme. See docs/data_sets.md.")
    spec = describe(source, _in_order(source / _LABEL_LIST, names))
    left_out = [path for path in images.files if path not in used]
    warnings = [_left_out("image(s) without a JSON file", left_out),
                _left_out("JSON file(s) that are not labelme's", others)]  # fmt: skip
    return Source(
        spec,
        splits,
        draw=partial(draw_labelme, ids=ids_by_name(spec)),
        image_bytes=image_of,
        warnings=tuple(filter(None, warnings)),
    )


def draw_labelme(item: Item, line_width: float, ids: dict[str, int]) -> np.ndarray:
    """Paints the shapes of a JSON file.

    Args:
        item: its label is the file.
        line_width: of lines and points, in pixels.
        ids: id of every name.

    Raises:
        DataError: one line for every shape that is wrong.
    """
    path = item.label
    assert path is not None
    values = _read(path)
    if values is None:
        raise DataError(f"{path}: holds no list of shapes.")
    size = _size(values, item.image)

    def read(entry: dict[str, Any]) -> list[Shape]:
        return [Shape(id_of(entry["label"], ids), _region(entry, line_width, size))]

    return paint(read_entries(str(path), values["shapes"], read), size)


def image_of(path: Path) -> bytes:
    """Reads an image's file, or the image in a JSON file.

    Raises:
        DataError: it cannot be read.
    """
    if path.suffix.lower() != ".json":
        return read_file(path)
    values = _read(path)
    try:
        return base64.b64decode(values["imageData"], validate=False)  # type: ignore[index]
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: its imageData is no image in base64 ({error}).") from None


def _read(path: Path) -> dict[str, Any] | None:
    """Returns the content of a JSON file; None where it is none of labelme's."""
    try:
        values = read_json(path, _LARGEST_BYTES)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from None
    except ValueError as error:
        raise DataError(str(error)) from None
    return values if isinstance(values, dict) and "shapes" in values else None


def _names(values: dict[str, Any]) -> set[str]:
    shapes = values["shapes"] if isinstance(values["shapes"], list) else []
    labels = (shape.get("label") for shape in shapes if isinstance(shape, dict))
    return {label for label in labels if isinstance(label, str) and label.strip()}


def _in_order(path: Path, names: set[str]) -> list[str]:
    """Returns the names of a list, then those that are not in it."""
    listed = read_file(path).decode("utf-8-sig", "replace").splitlines() if path.is_file() else []
    return [name for name in listed if name.strip()] + sorted(names)


def _size(values: dict[str, Any], image: Path) -> Size:
    stated = stated_size(values.get("imageHeight"), values.get("imageWidth"))
    if stated:
        return stated
    if image.suffix.lower() == ".json":
        with Image.open(io.BytesIO(image_of(image))) as inside:
            return inside.height, inside.width
    return upright_size(image)


def _region(entry: dict[str, Any], line_width: float, size: Size) -> Region:
    kind = entry.get("shape_type") or "polygon"
    if kind == "polygon" or (kind == "rectangle" and len(entry["points"]) > 2):
        return polygon(as_points(entry["points"], 3), size)
    points = as_points(entry["points"], 1 if kind == "point" else 2)
    if kind == "rectangle":
        return rectangle(points[:2], size)
    if kind == "circle":
        radius = float(np.linalg.norm(points[1] - points[0]))
        return ellipse(points[0], (radius, radius), size)
    if kind in ("line", "linestrip", "point"):
        return stroke(points, line_width, size)
    if kind == "mask":
        left, top = points[0].round().astype(int)
        return bitmap(_mask(entry["mask"]), int(top), int(left), size)
    raise ValueError(f"shape_type {kind!r} is not known")


def _mask(text: str) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(base64.b64decode(text))) as image:
            return np.asarray(image)
    except BROKEN_IMAGE as error:
        raise ValueError(f"its mask is no image in base64 ({error})") from None


def _left_out(what: str, paths: list[Path]) -> str | None:
    return f"{len(paths)} {what} left out, the first {paths[0]}." if paths else None
