"""YOLO segmentation: a text file of polygons for each image, and ``data.yaml``."""

from __future__ import annotations

from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import yaml

from deeplab_tf.data.sources.archive import Item, Source, read_file
from deeplab_tf.data.sources.image_index import ImageIndex, files_below, split_of, upright_size
from deeplab_tf.data.sources.raster import as_points, polygon
from deeplab_tf.data.sources.shapes import Shape, describe, ids_by_name, paint, read_entries
from deeplab_tf.data.spec import DataError

_LARGEST_BYTES = 2**20
_SPLITS = ("train", "val", "test")
_NAME_LISTS = ("classes.txt", "obj.names", "labels.txt")
# Coordinates beyond the edge by so much are rounding.
_TOLERANCE = 0.01


def open_yolo(source: Path) -> Source:
    """Opens ``images`` and ``labels``, whose classes ``data.yaml`` (or ``classes.txt``) names.

    Splits are the folders, or lists of images, that ``data.yaml`` gives, or those that folders are
    named after. An image without a text file has no objects, as in YOLO.
    """
    description = _description(source)
    names = _names(source, description)
    images, without = ImageIndex(source), []
    given = {split: _given(source, description, split, images) for split in _SPLITS}
    splits: dict[str, list[Item]] = {}
    for path in images.files:
        relative = PurePosixPath(path.relative_to(source).as_posix())
        parts = [part for part in relative.parts[:-1] if part != "images"]
        split = next((name for name in _SPLITS if path in given[name]), None)
        split = split or next(filter(None, map(split_of, parts)), "train")
        label = _label_file(source, relative)
        if not label.is_file():
            without.append(path)
        kept = [part for part in parts if not split_of(part)]
        splits.setdefault(split, []).append(Item("/".join([*kept, path.stem]), path, label))
    if len(without) == len(images.files):
        raise DataError(f"{source}: no image has a text file of labels. See docs/data_sets.md.")
    spec = describe(source, names)
    ids = [ids_by_name(spec)[name] for name in names]
    labels = {item.label for items in splits.values() for item in items}
    homeless = [
        p
        for p in files_below(source, ".txt")
        if "labels" in p.relative_to(source).parts and p not in labels
    ]
    warnings = [
        f"{len(paths)} {what}, the first {paths[0]}."
        for paths, what in (
            (without, "image(s) have no text file and are taken as background, as in YOLO"),
            (homeless, "text file(s) of no image left out"),
        )
        if paths
    ]
    return Source(
        spec,
        splits,
        draw=partial(draw_yolo, ids=ids),
        warnings=tuple(warnings),
    )


def draw_yolo(item: Item, line_width: float, ids: list[int]) -> np.ndarray:
    """Paints the polygons of a text file.

    Args:
        item: its label is the file, which may be missing.
        line_width: of no meaning here.
        ids: id of every class of the file.

    Raises:
        DataError: one line for every line of the file that is wrong.
    """
    path, size = item.label, upright_size(item.image)
    assert path is not None

    def read(line: str) -> list[Shape]:
        if not line.strip():
            return []
        number, *values = (float(value) for value in line.split())
        if not (number.is_integer() and 0 <= number < len(ids)):
            raise ValueError(f"its class {number:g} is none of 0..{len(ids) - 1}")
        if len(values) == 4:
            raise ValueError("is a box (four numbers), not a polygon")
        if len(values) % 2:
            raise ValueError(f"has {len(values)} coordinates, an odd number")
        points = as_points(np.reshape(values, [-1, 2]), 3)
        if points.min() < -_TOLERANCE or points.max() > 1 + _TOLERANCE:
            raise ValueError("has coordinates outside 0..1; they are shares of width and height")
        return [Shape(ids[int(number)], polygon(points * (size[1], size[0]), size))]

    lines = read_file(path).decode("utf-8-sig", "replace").splitlines() if path.is_file() else []
    # People count lines from 1.
    return paint(read_entries(str(path), ["", *lines], read, "line"), size)


def _description(source: Path) -> dict[str, Any]:
    """Returns the first YAML file with names of classes; empty where there is none."""
    for path in files_below(source, ".yaml", ".yml"):
        text = read_file(path)
        try:
            values = yaml.safe_load(text) if len(text) <= _LARGEST_BYTES else None
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise DataError(f"{path}: not valid YAML ({reason}).") from None
        if isinstance(values, dict) and "names" in values:
            return {**values, "file": path}
    return {}


def _names(source: Path, description: dict[str, Any]) -> list[str]:
    names = description.get("names")
    if isinstance(names, dict) and set(names) == set(range(len(names))):
        names = [names[number] for number in range(len(names))]
    if names is None:
        lists = [path for path in files_below(source) if path.name in _NAME_LISTS]
        if not lists:
            raise DataError(
                f"{source}: holds neither data.yaml nor classes.txt, which name classes."
            )
        names = read_file(lists[0]).decode("utf-8-sig", "replace").split("\n")
        names = [name for name in names if name.strip()]
    if not isinstance(names, list) or not all(isinstance(n, (str, int, float)) for n in names):
        raise DataError(f"{description['file']}: names must be a list, or numbered from 0.")
    return [str(name).strip() for name in names]


def _given(source: Path, description: dict, split: str, images: ImageIndex) -> set[Path]:
    """Returns the images that ``data.yaml`` puts into a split."""
    values = description.get(split)
    found: set[Path] = set()
    for value in values if isinstance(values, list) else [values] if values else []:
        parts = [part for part in PurePosixPath(str(value)).parts if part not in ("..", ".", "/")]
        if parts and parts[-1].endswith(".txt"):
            lists = [p for p in files_below(source, ".txt") if p.name == parts[-1]]
            lines = read_file(lists[0]).decode("utf-8-sig").splitlines() if lists else []
            found |= {image for line in lines if (image := images.find(line.strip(), lists[0]))}
            continue
        for path in images.files:
            folders = path.relative_to(source).parts[:-1]
            starts = range(len(folders) - len(parts) + 1)
            if parts and any(list(folders[i : i + len(parts)]) == parts for i in starts):
                found.add(path)
    return found


def _label_file(source: Path, image: PurePosixPath) -> Path:
    """Returns the text file of an image: in ``labels`` for one in ``images``, or beside it."""
    parts = list(image.with_suffix(".txt").parts)
    for index in reversed(range(len(parts) - 1)):
        if parts[index] == "images":
            parts[index] = "labels"
            break
    return source.joinpath(*parts)
