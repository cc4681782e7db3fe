"""COCO: a JSON file of objects on many images, as polygons or run lengths."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from deeplab_tf.data.json_file import read_json
from deeplab_tf.data.sources.archive import Item, Source
from deeplab_tf.data.sources.coco_panoptic import panoptic_source
from deeplab_tf.data.sources.image_index import (
    ImageIndex,
    example_name,
    files_below,
    split_of,
    upright_size,
)
from deeplab_tf.data.sources.raster import as_points, polygon
from deeplab_tf.data.sources.region import Region, Size, bitmap, run_lengths, union
from deeplab_tf.data.sources.shapes import (
    VOID,
    Shape,
    describe,
    ids_by_name,
    paint,
    read_entries,
    stated_size,
)
from deeplab_tf.data.spec import DataError

# The instances of COCO's training images take 450 MB.
_LARGEST_BYTES = 2 * 2**30
_PARTS = ("images", "annotations", "categories")
_KEPT = ("id", "category_id", "segmentation", "iscrowd")


def open_coco(source: Path) -> Source:
    """Opens a folder of images and COCO's JSON files, of instances or else panoptic ones.

    Each file is a split: the one that it or its folder is named after, such as
    ``instances_val2017.json`` or ``valid/_annotations.coco.json``.
    """
    files = _read_files(source)
    names = _category_names(files)
    instances = {path: values for path, values in files.items() if not _is_panoptic(values)}
    if not instances:
        return panoptic_source(source, files, names, _splits(source, files))
    images, splits = ImageIndex(source), defaultdict(list)
    spec = describe(source, [names[number] for number in sorted(names)])
    warnings = []
    for path, split in _splits(source, instances).items():
        items, homeless = _items(path, instances[path], split, images)
        splits[split].extend(items)
        if homeless:
            warnings.append(f"{path}: {homeless} annotation(s) of images that it does not list.")
    by_name = ids_by_name(spec)
    ids = {number: by_name[name] for number, name in names.items()}
    return Source(spec, splits, draw=partial(draw_coco, ids=ids), warnings=tuple(warnings))


def draw_coco(item: Item, line_width: float, ids: dict[int, int]) -> np.ndarray:
    """Paints the objects on an image; crowds are void, below all objects.

    Args:
        item: its entries are those of the JSON file.
        line_width: of no meaning here.
        ids: id of every category.

    Raises:
        DataError: one line for every object that is wrong.
    """
    size = tuple(item.entries["size"] or upright_size(item.image))

    def read(entry: dict[str, Any]) -> list[Shape]:
        region = _region(entry["segmentation"], size)
        if entry.get("iscrowd"):
            return [Shape(VOID, region, layer=-1)]
        if entry["category_id"] not in ids:
            raise ValueError(f"its category {entry['category_id']!r} is none of the file")
        return [Shape(ids[entry["category_id"]], region)]

    where = f"{item.label}, image {item.name!r}"
    return paint(read_entries(where, item.entries["annotations"], read, "annotation"), size)


def _read_files(source: Path) -> dict[Path, dict[str, Any]]:
    found = {}
    for path in files_below(source, ".json"):
        try:
            values = read_json(path, _LARGEST_BYTES)
        except ValueError as error:
            raise DataError(str(error)) from None
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror}).") from None
        if isinstance(values, dict) and all(isinstance(values.get(p), list) for p in _PARTS):
            found[path] = values
    if not found:
        raise DataError(
            f"{source}: holds no JSON file with the lists {', '.join(_PARTS)}. "
            "See docs/data_sets.md."
        )
    return found


def _is_panoptic(values: dict[str, Any]) -> bool:
    return any(isinstance(a, dict) and "segments_info" in a for a in values["annotations"][:1])


def _category_names(files: dict[Path, dict[str, Any]]) -> dict[int, str]:
    """Returns the name of every category."""
    names: dict[int, str] = {}
    for path, values in files.items():
        for number, category in enumerate(values["categories"]):
            try:
                key, name = category["id"], category["name"].strip()
            except (AttributeError, KeyError, TypeError):
                raise DataError(f"{path}: category {number} has no id or no name.") from None
            if not isinstance(key, int):
                raise DataError(
                    f"{path}: category {number} has the id {key!r}, which is no number."
                )
            if names.setdefault(key, name) != name:
                raise DataError(f"{path}: category {key} is {name!r}, elsewhere {names[key]!r}.")
    return names


def _splits(source: Path, files: Iterable[Path]) -> dict[Path, str]:
    """Returns the split of every file: that of its name, else of its folder, else its name."""
    splits, paths = {}, list(files)
    for path in paths:
        folder = path.parent.name if path.parent != source else ""
        default = path.stem if len(paths) > 1 else "train"
        splits[path] = split_of(path.stem) or split_of(folder) or default
    return splits


def _items(
    path: Path, values: dict[str, Any], split: str, images: ImageIndex
) -> tuple[list[Item], int]:
    """Returns the images of a file with what it says of them, and how much is of no image."""
    entries = defaultdict(list)
    for entry in values["annotations"]:
        known = isinstance(entry, dict)
        kept = {key: entry[key] for key in _KEPT if key in entry} if known else entry
        entries[_image_id(entry.get("image_id")) if known else None].append(kept)
    items = []
    for number, image in enumerate(values["images"]):
        try:
            key, file_name = _image_id(image["id"]), str(image["file_name"])
        except (KeyError, TypeError):
            raise DataError(f"{path}: image {number} has no id or no file_name.") from None
        if key is None:
            raise DataError(f"{path}: image {number} has an id that is no number and no text.")
        size = stated_size(image.get("height"), image.get("width"))
        found = images.locate(file_name, path, split)
        what = {"size": size, "annotations": entries.pop(key, [])}
        items.append(Item(example_name(file_name), found, path, what))
    return items, sum(map(len, entries.values()))


def _image_id(value: Any) -> int | str | None:
    return value if isinstance(value, (int, str)) else None


def _region(segmentation: Any, size: Size) -> Region:
    if isinstance(segmentation, list):
        if not segmentation:
            raise ValueError("has no segmentation; a box alone says not which pixels")
        outlines = (np.reshape(np.asarray(part, np.float64), [-1, 2]) for part in segmentation)
        return union([polygon(as_points(outline, 3), size) for outline in outlines])
    counts, (height, width) = segmentation["counts"], segmentation["size"]
    if (height, width) != size:
        raise ValueError(f"its mask is {width} x {height} pixels, the image {size[1]} x {size[0]}")
    runs = counts if isinstance(counts, list) else expand_counts(counts)
    return bitmap(run_lengths(runs, height, width, by_columns=True), 0, 0, size)


def expand_counts(code: str) -> list[int]:
    """Reads compressed run lengths.

    A number is characters of 5 bits, the lowest first; bit 6 says that more follow, the highest of
    the last one that it is negative. From the fourth on it is the difference to the last but one.
    (pycocotools reads memory that nothing was written to where such a code is cut off.)

    Args:
        code: characters, each 48 more than its bits.

    Raises:
        ValueError: it is no such code.
    """
    counts: list[int] = []
    value = shift = 0
    for bits in (ord(character) - 48 for character in code):
        if not 0 <= bits < 64:
            raise ValueError("its counts are no run lengths of COCO")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        value -= (1 << shift) if bits & 16 else 0
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    if shift:
        raise ValueError("its counts are cut off")
    return counts
