"""The Semantic Boundaries Dataset merged with PASCAL VOC 2012: train_aug and trainval_aug.

The recipe of DeepLab's training lists: the masks of SBD, those of VOC in their place where VOC
has one, and nothing of VOC's validation images in train_aug.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from deeplab_tf.data.png import read_label
from deeplab_tf.data.sources import voc12
from deeplab_tf.data.sources.archive import (
    Item,
    Source,
    find_folder,
    listed_splits,
    voc_items,
    voc_splits,
)
from deeplab_tf.data.sources.matlab import naming_unknown_layout, read_mat, require_scipy, whole_ids
from deeplab_tf.data.spec import DataError
from deeplab_tf.data.split_list import read_list
from deeplab_tf.data.voc_layout import LISTS

SPEC = dataclasses.replace(voc12.SPEC, name="voc12_aug")
COUNTS = {"train_aug": 10582, "trainval_aug": 12031, "val": 1449, "test": 1456}


def open_sbd(source: Path) -> Source:
    """Opens ``VOCdevkit/VOC2012`` and ``benchmark_RELEASE/dataset`` in one folder."""
    require_scipy()
    try:
        voc = voc12.find_voc12(source)
        sbd = find_folder(source, "cls", "benchmark_RELEASE/dataset", "dataset")
    except DataError as error:
        raise DataError(
            f"{error} SBD is merged with VOC: --source has to be a folder that holds both "
            "VOCdevkit/VOC2012 and benchmark_RELEASE/dataset."
        ) from None
    train, val = (set(read_list(voc / LISTS, split)) for split in ("train", "val"))
    more = {name for names in listed_splits(sbd, ("train", "val")).values() for name in names}
    merged = {item.name: item for item in _sbd_items(voc, sbd, more)}
    merged.update((item.name, item) for item in voc_items(voc, sorted(train | val)))
    splits = {
        "train_aug": [merged[name] for name in sorted(merged.keys() - val)],
        "trainval_aug": [merged[name] for name in sorted(merged)],
        **voc_splits(voc, ("val", "test")),
    }
    return Source(SPEC, splits, COUNTS, read_sbd_label)


def _sbd_items(voc: Path, sbd: Path, names: Iterable[str]) -> list[Item]:
    """Returns masks of SBD with images of VOC, of which SBD's own are copies."""
    items = [item._replace(label=sbd / "cls" / f"{item.name}.mat")
             for item in voc_items(voc, sorted(names))]  # fmt: skip
    return [i if i.image.exists() else i._replace(image=sbd / "img" / i.image.name) for i in items]


def read_sbd_label(path: Path) -> np.ndarray:
    """Reads the ids of a mask of SBD (``.mat``) or VOC (``.png``)."""
    if path.suffix == ".png":
        return read_label(path)
    with naming_unknown_layout(path):
        return whole_ids(read_mat(path, "GTcls").Segmentation)
