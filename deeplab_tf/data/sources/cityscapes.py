"""Cityscapes, fine annotations: 19 classes out of the label ids 0..33."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from deeplab_tf.data.png import read_label
from deeplab_tf.data.sources.archive import Item, Source, find_folder, map_ids
from deeplab_tf.data.spec import DatasetSpec

_VOID = 255
# Name -> label id and colour, in the order of the training ids 0..18 (cityscapesScripts).
_CLASSES = {
    "road": (7, (128, 64, 128)), "sidewalk": (8, (244, 35, 232)), "building": (11, (70, 70, 70)),
    "wall": (12, (102, 102, 156)), "fence": (13, (190, 153, 153)), "pole": (17, (153, 153, 153)),
    "traffic light": (19, (250, 170, 30)), "traffic sign": (20, (220, 220, 0)),
    "vegetation": (21, (107, 142, 35)), "terrain": (22, (152, 251, 152)),
    "sky": (23, (70, 130, 180)), "person": (24, (220, 20, 60)), "rider": (25, (255, 0, 0)),
    "car": (26, (0, 0, 142)), "truck": (27, (0, 0, 70)), "bus": (28, (0, 60, 100)),
    "train": (31, (0, 80, 100)), "motorcycle": (32, (0, 0, 230)), "bicycle": (33, (119, 11, 32)),
}  # fmt: skip
LABEL_IDS = tuple(label_id for label_id, _ in _CLASSES.values())
TRAIN_IDS = tuple(LABEL_IDS.index(i) if i in LABEL_IDS else _VOID for i in range(34))
SPEC = DatasetSpec("cityscapes", tuple(_CLASSES), tuple(color for _, color in _CLASSES.values()))
COUNTS = {"train": 2975, "val": 500, "test": 1525}
_IMAGE, _LABEL = "_leftImg8bit.png", "_gtFine_labelIds.png"


def open_cityscapes(source: Path) -> Source:
    """Opens ``leftImg8bit`` and ``gtFine`` in one folder; labels of test are not read."""
    root = find_folder(source, "leftImg8bit", ".", "cityscapes")
    splits = {split: _items(root, split) for split in COUNTS}
    return Source(SPEC, splits, COUNTS, partial(read_label_ids, table=TRAIN_IDS))


def _items(root: Path, split: str) -> list[Item]:
    """Returns images and labels by city and name; either may be missing."""
    names = _names(root / "leftImg8bit" / split, _IMAGE)
    if split != "test":
        names |= _names(root / "gtFine" / split, _LABEL)
    return [
        Item(
            name.name,
            root / "leftImg8bit" / split / f"{name}{_IMAGE}",
            None if split == "test" else root / "gtFine" / split / f"{name}{_LABEL}",
        )
        for name in sorted(names)
    ]


def _names(folder: Path, ending: str) -> set[Path]:
    found = (path.relative_to(folder) for path in folder.glob(f"*/*{ending}"))
    return {path.with_name(path.name.removesuffix(ending)) for path in found}


def read_label_ids(path: Path, table: tuple[int, ...]) -> np.ndarray:
    """Reads a labelIds PNG as training ids; everything that is not evaluated becomes void."""
    return map_ids(read_label(path), table, path)
