"""PASCAL VOC 2012: 20 classes and background, indexed PNG."""

from __future__ import annotations

from pathlib import Path

from deeplab_tf.data.sources.archive import Source, find_folder, voc_splits
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.data.voc_layout import LISTS

SPEC = DatasetSpec(
    "voc12",
    (
        "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat",
        "chair", "cow", "diningtable", "dog", "horse", "motorbike", "person", "pottedplant",
        "sheep", "sofa", "train", "tvmonitor",
    ),
)  # fmt: skip
COUNTS = {"train": 1464, "val": 1449, "trainval": 2913, "test": 1456}


def find_voc12(source: Path) -> Path:
    """Finds the folder VOC2012 of the archives."""
    return find_folder(source, LISTS, "VOCdevkit/VOC2012", "VOC2012", ".")


def open_voc12(source: Path) -> Source:
    """Opens the archives VOCtrainval_11-May-2012 and, if there, VOC2012test."""
    return Source(SPEC, voc_splits(find_voc12(source), tuple(COUNTS)), COUNTS)
