"""CVAT for images: one XML file of polygons, boxes, ellipses, lines and masks."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from functools import partial
from pathlib import Path

import numpy as np

from deeplab_tf.data.sources.archive import Item, Source, read_file
from deeplab_tf.data.sources.image_index import (
    ImageIndex,
    example_name,
    files_below,
    split_of,
    upright_size,
)
from deeplab_tf.data.sources.raster import as_points, ellipse, polygon, rectangle, stroke
from deeplab_tf.data.sources.region import Region, Size, bitmap, run_lengths
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

_NO_SHAPES = ("tag", "attribute")


def open_cvat(source: Path) -> Source:
    """Opens a folder of CVAT's ``annotations.xml`` and images, in sub-folders or not.

    Classes are the labels of the file, in its order. Splits are CVAT's subsets.
    """
    images, splits, used = ImageIndex(source), defaultdict(list), set()
    names: dict[str, None] = {}
    for path in files_below(source, ".xml"):
        root = _parse(path)
        if root is None:
            continue
        if root.find("track") is not None:
            raise DataError(f"{path}: is of a video; export it as 'CVAT for images'.")
        named = [str(label.text) for label in root.iterfind("meta//labels/label/name")]
        names |= dict.fromkeys(named)
        for element in root.iterfind("image"):
            item, split = _item(path, element, images)
            names |= dict.fromkeys(
                e["label"] for e in item.entries["shapes"] if e.get("label", "").strip()
            )
            splits[split].append(item)
            used.add(item.image)
    if not splits:
        raise DataError(f"{source}: holds no XML file of CVAT for images. See docs/data_sets.md.")
    spec = describe(source, names)
    left_out = [path for path in images.files if path not in used]
    warning = f"{len(left_out)} image(s) that no XML file names left out, the first "
    return Source(
        spec,
        splits,
        draw=partial(draw_cvat, ids=ids_by_name(spec)),
        warnings=(f"{warning}{left_out[0]}.",) if left_out else (),
    )


def draw_cvat(item: Item, line_width: float, ids: dict[str, int]) -> np.ndarray:
    """Paints the shapes on an image; those of a higher z_order are above the others.

    Args:
        item: its entries are those of the XML file.
        line_width: of lines and points, in pixels.
        ids: id of every name.

    Raises:
        DataError: one line for every shape that is wrong.
    """
    size = tuple(item.entries["size"] or upright_size(item.image))

    def read(entry: dict[str, str]) -> list[Shape]:
        region = _region(entry, line_width, size)
        return [Shape(id_of(entry["label"], ids), region, int(entry.get("z_order", 0)))]

    where = f"{item.label}, image {item.name!r}"
    return paint(read_entries(where, item.entries["shapes"], read), size)


def _parse(path: Path) -> ElementTree.Element | None:
    """Returns the root of an XML file; None where it is none of CVAT's."""
    contents = read_file(path)
    if b"<!DOCTYPE" in contents or b"<!ENTITY" in contents:
        raise DataError(f"{path}: defines entities, which CVAT's files do not.")
    try:
        root = ElementTree.fromstring(contents)
    except ElementTree.ParseError as error:
        raise DataError(f"{path}: not valid XML ({error}).") from None
    return root if root.tag == "annotations" else None


def _item(path: Path, element: ElementTree.Element, images: ImageIndex) -> tuple[Item, str]:
    file_name = element.get("name", "")
    try:
        size = stated_size(int(element.get("height", "")), int(element.get("width", "")))
    except ValueError:
        size = None
    shapes = [{**e.attrib, "kind": e.tag} for e in element if e.tag not in _NO_SHAPES]
    name = example_name(file_name)
    image = images.locate(file_name, path)
    split = split_of(element.get("subset", "")) or "train"
    return Item(name, image, path, {"size": size, "shapes": shapes}), split


def _region(entry: dict[str, str], line_width: float, size: Size) -> Region:
    kind = entry["kind"]

    def number(*keys: str) -> list[float]:
        return [float(entry[key]) for key in keys]

    if kind in ("polygon", "polyline", "points"):
        pairs = [pair.split(",") for pair in entry["points"].split(";")]
        points = as_points(pairs, {"polygon": 3, "polyline": 2, "points": 1}[kind])
        return polygon(points, size) if kind == "polygon" else stroke(points, line_width, size)
    angle = float(entry.get("rotation", 0))
    if kind == "box":
        return rectangle([number("xtl", "ytl"), number("xbr", "ybr")], size, angle)
    if kind == "ellipse":
        return ellipse(number("cx", "cy"), number("rx", "ry"), size, angle)
    if kind == "mask":
        left, top, width, height = (int(v) for v in number("left", "top", "width", "height"))
        counts = [int(count) for count in entry["rle"].split(",")]
        return bitmap(run_lengths(counts, height, width, by_columns=False), top, left, size)
    raise ValueError(f"a {kind} has no area that is known")
