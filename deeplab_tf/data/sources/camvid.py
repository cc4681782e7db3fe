"""CamVid with the 11 classes of SegNet, in PASCAL VOC layout."""

from __future__ import annotations

from pathlib import Path

from deeplab_tf.data.sources.archive import Source, find_folder, listed_splits, voc_items
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.data.voc_layout import LISTS

SPEC = DatasetSpec(
    "camvid",
    (
        "sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car",
        "pedestrian", "bicyclist",
    ),
)  # fmt: skip
COUNTS = {"train": 367, "val": 101}


def open_camvid(source: Path) -> Source:
    """Opens a folder with ``JPEGImages``, ``SegmentationClass`` and ``ImageSets/Segmentation``."""
    root = find_folder(source, LISTS, ".", "camvid", "CamVid")
    lists = listed_splits(root / LISTS, (*COUNTS, "test"))
    return Source(SPEC, {name: voc_items(root, names) for name, names in lists.items()}, COUNTS)
