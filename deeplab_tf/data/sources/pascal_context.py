"""PASCAL-Context: 59 classes and background out of 459 labels, on the images of VOC 2010."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from deeplab_tf.data.sources.archive import Item, Source, find_folder, listed_splits, map_ids
from deeplab_tf.data.sources.matlab import naming_unknown_layout, read_mat, require_scipy, whole_ids
from deeplab_tf.data.spec import DataError, DatasetSpec
from deeplab_tf.data.voc_layout import IMAGES

# Name -> its number in the archive's labels.txt, in the order of the ids 1..59.
LABEL_NUMBERS = {
    "aeroplane": 2, "bicycle": 23, "bird": 25, "boat": 31, "bottle": 34, "bus": 45, "car": 59,
    "cat": 65, "chair": 72, "cow": 98, "table": 397, "dog": 113, "horse": 207, "motorbike": 258,
    "person": 284, "pottedplant": 308, "sheep": 347, "sofa": 368, "train": 416, "tvmonitor": 427,
    "bag": 9, "bed": 18, "bench": 22, "book": 33, "building": 44, "cabinet": 46, "ceiling": 68,
    "cloth": 80, "computer": 85, "cup": 104, "door": 115, "fence": 144, "floor": 158,
    "flower": 159, "food": 162, "grass": 187, "ground": 189, "keyboard": 220, "light": 232,
    "mountain": 259, "mouse": 260, "curtain": 105, "platform": 296, "sign": 355, "plate": 295,
    "road": 324, "rock": 326, "shelves": 349, "sidewalk": 354, "sky": 360, "snow": 366,
    "bedclothes": 19, "track": 415, "tree": 420, "truck": 424, "wall": 440, "water": 445,
    "window": 454, "wood": 458,
}  # fmt: skip
_LABELS, _LARGEST_NUMBER = 459, 65535
SPEC = DatasetSpec("pascal_context", ("background", *LABEL_NUMBERS))
COUNTS = {"train": 4998, "val": 5105}


def open_pascal_context(source: Path) -> Source:
    """Opens ``VOCdevkit/VOC2010`` and the folder ``trainval`` of ``LabelMap`` files."""
    require_scipy()
    voc = find_folder(source, "ImageSets/Main", "VOCdevkit/VOC2010", "VOC2010", ".")
    maps = find_folder(source, "trainval", ".", "VOCdevkit/VOC2010", "VOC2010") / "trainval"
    splits = {
        split: [Item(n, voc / IMAGES / f"{n}.jpg", maps / f"{n}.mat") for n in names]
        for split, names in listed_splits(voc / "ImageSets/Main", tuple(COUNTS)).items()
    }
    table = _id_table(next((p for p in (source / "labels.txt", maps / "labels.txt")
                            if p.exists()), None))  # fmt: skip
    return Source(SPEC, splits, COUNTS, partial(read_label_map, table=table))


def read_label_map(path: Path, table: tuple[int, ...]) -> np.ndarray:
    """Reads the ids 0..59 of a ``LabelMap``; labels that are no class become background."""
    with naming_unknown_layout(path):
        return map_ids(whole_ids(read_mat(path, "LabelMap")), table, path)


def _id_table(labels: Path | None) -> tuple[int, ...]:
    """Returns the id of every number of `labels.txt`, with lines such as ``2: aeroplane``."""
    numbers = LABEL_NUMBERS
    if labels is not None:
        with naming_unknown_layout(labels):
            lines = [line.split(":") for line in labels.read_text().splitlines() if line.strip()]
            numbers = {name.strip(): int(number) for number, name in lines}
            if not all(0 <= number <= _LARGEST_NUMBER for number in numbers.values()):
                raise ValueError(f"a number is not within 0..{_LARGEST_NUMBER}")
        missing = LABEL_NUMBERS.keys() - numbers
        if missing:
            raise DataError(f"{labels}: does not name {', '.join(sorted(missing))}.")
    table = [0] * (max(_LABELS, *numbers.values()) + 1)
    for label_id, name in enumerate(LABEL_NUMBERS, 1):
        table[numbers[name]] = label_id
    return tuple(table)
