"""COCO's panoptic form: PNGs of segment numbers, and a JSON file of their categories."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from deeplab_tf.data.other_formats import BROKEN_IMAGE
from deeplab_tf.data.sources.archive import Item, Source
from deeplab_tf.data.sources.image_index import ImageIndex, example_name
from deeplab_tf.data.sources.shapes import VOID, WRONG, reason_of
from deeplab_tf.data.spec import DataError, DatasetSpec


def panoptic_source(
    source: Path,
    files: Mapping[Path, dict[str, Any]],
    names: Mapping[int, str],
    splits: Mapping[Path, str],
) -> Source:
    """Opens the panoptic annotations of a folder.

    Args:
        source: the folder.
        files: the content of each JSON file.
        names: of the categories.
        splits: of the files.
    """
    classes = tuple(dict.fromkeys(names[number] for number in sorted(names)))
    spec = DatasetSpec(source.resolve().name or "own", classes)
    ids = {number: classes.index(name) for number, name in names.items()}
    images = ImageIndex(source)
    found: dict[str, list[Item]] = {}
    for path, values in files.items():
        found.setdefault(splits[path], []).extend(_items(path, values, splits[path], images))
    return Source(spec, found, draw=partial(draw_panoptic, ids=ids))


def draw_panoptic(item: Item, line_width: float, ids: dict[int, int]) -> np.ndarray:
    """Reads the ids of a PNG of segments; crowds and what is in no segment are void.

    Args:
        item: its label is the PNG, its entries the segments.
        line_width: of no meaning here.
        ids: id of every category.

    Raises:
        DataError: one line for every segment that is wrong.
    """
    try:
        with Image.open(str(item.label)) as image:
            pixels = np.asarray(image.convert("RGB")).astype(np.int32)
    except BROKEN_IMAGE as error:
        reason = getattr(error, "strerror", None) or "no image"
        raise DataError(f"{item.label}: cannot be read ({reason}).") from None
    numbers, places = np.unique(pixels @ (1, 1 << 8, 1 << 16), return_inverse=True)
    label_ids, problems = {0: VOID}, []
    for segment in item.entries:
        try:
            crowd, category = segment.get("iscrowd"), segment["category_id"]
            if category not in ids:
                raise ValueError(f"category {category!r} is unknown")
            label_ids[segment["id"]] = VOID if crowd else ids[category]
        except WRONG as error:
            problems.append(f"{item.label}: segment {segment!r}: {reason_of(error)}.")
    unknown = [number for number in map(int, numbers) if number not in label_ids]
    problems += [
        f"{item.label}: its segment {number} is not in the JSON file." for number in unknown
    ]
    if problems:
        raise DataError(*problems)
    new = np.array([label_ids[int(number)] for number in numbers], np.uint8)
    return new[places].reshape(pixels.shape[:2])


def _items(path: Path, values: dict[str, Any], split: str, images: ImageIndex) -> list[Item]:
    files = {
        i["id"]: str(i.get("file_name"))
        for i in values["images"]
        if isinstance(i, dict) and isinstance(i.get("id"), int | str)
    }
    items = []
    for number, entry in enumerate(values["annotations"]):
        try:
            key, segments, png = entry["image_id"], entry["segments_info"], entry["file_name"]
        except (KeyError, TypeError):
            raise DataError(
                f"{path}: annotation {number} has no image_id, segments_info or file_name."
            ) from None
        if not isinstance(key, int | str) or key not in files:
            raise DataError(
                f"{path}: annotation {number} is of image {key!r}, which is not listed."
            )
        name = files[key]
        image = images.locate(name, path, split)
        label = images.locate(f"{path.stem}/{png}", path)
        items.append(Item(example_name(name), image, label, segments))
    return items
