"""PASCAL-Person-Part: the 24 parts of persons in PASCAL-Part as 6, and background."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from deeplab_tf.data.sources.archive import Item, Source, find_folder, listed_splits
from deeplab_tf.data.sources.matlab import naming_unknown_layout, read_mat, require_scipy
from deeplab_tf.data.spec import DataError, DatasetSpec
from deeplab_tf.data.voc_layout import IMAGES

_PARTS = {
    "head": "head hair lear rear leye reye lebrow rebrow mouth nose",
    "torso": "torso neck",
    "upper arms": "luarm ruarm",
    "lower arms": "llarm rlarm lhand rhand",
    "upper legs": "luleg ruleg",
    "lower legs": "llleg rlleg lfoot rfoot",
}
PART_IDS = {part: i for i, parts in enumerate(_PARTS.values(), 1) for part in parts.split()}
SPEC = DatasetSpec("person_part", ("background", *_PARTS))
COUNTS = {"train": 1716, "val": 1817}
_LISTS = "pascal_person_part_trainval_list"


def open_person_part(source: Path) -> Source:
    """Opens ``VOCdevkit/VOC2010`` and the folder ``Annotations_Part`` of PASCAL-Part.

    The splits are the lists of the release ``pascal_person_part`` where they are there, else
    the images of VOC 2010's lists in which a person has parts.
    """
    require_scipy()
    voc = find_folder(source, "ImageSets/Main", "VOCdevkit/VOC2010", "VOC2010", ".")
    parts = find_folder(source, "Annotations_Part", ".", "trainval") / "Annotations_Part"

    def label(name: str) -> Path:
        return parts / f"{name}.mat"

    def item(name: str) -> Item:
        return Item(name, voc / IMAGES / f"{name}.jpg", label(name))

    for folder in (source / _LISTS, source / "pascal_person_part" / _LISTS):
        if folder.is_dir():
            found = listed_splits(folder, tuple(f"{split}_id" for split in COUNTS))
            splits = {n.removesuffix("_id"): [item(i) for i in ids] for n, ids in found.items()}
            return Source(SPEC, splits, COUNTS, read_parts)
    lists = listed_splits(voc / "ImageSets/Main", tuple(COUNTS))
    splits = {
        split: [item(name) for name in names if _has_parts(label(name))]
        for split, names in lists.items()
    }
    return Source(SPEC, splits, COUNTS, read_parts)


def read_parts(path: Path) -> np.ndarray:
    """Paints the parts of all persons in the order of the file, ids 0..6."""
    with naming_unknown_layout(path):
        objects = _objects(path)
        if not objects:
            raise DataError(f"{path}: has no objects.")
        ids = np.zeros(objects[0].mask.shape, np.uint8)
        for part in (part for person in _persons(objects) for part in np.atleast_1d(person.parts)):
            if part.part_name not in PART_IDS:
                raise DataError(f"{path}: {part.part_name!r} is none of the 24 parts of a person.")
            ids[part.mask > 0] = PART_IDS[part.part_name]
        return ids


def _has_parts(path: Path) -> bool:
    """Returns whether a person has parts; True for a broken file, which the converter reports."""
    try:
        with naming_unknown_layout(path):
            return any(np.size(person.parts) for person in _persons(_objects(path)))
    except DataError:
        return True


def _objects(path: Path) -> list:
    return list(np.atleast_1d(read_mat(path, "anno").objects))


def _persons(objects: list) -> list:
    return [thing for thing in objects if getattr(thing, "class") == "person"]
