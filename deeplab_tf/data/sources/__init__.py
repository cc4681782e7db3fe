"""The data sets that can be converted: one file each, and a row here."""

import dataclasses
import os

from deeplab_tf.data.paths import check_folder, checked_name, user_path
from deeplab_tf.data.sources.archive import Item, Source
from deeplab_tf.data.sources.camvid import open_camvid
from deeplab_tf.data.sources.cityscapes import open_cityscapes
from deeplab_tf.data.sources.coco import open_coco
from deeplab_tf.data.sources.cvat import open_cvat
from deeplab_tf.data.sources.folder import open_folder
from deeplab_tf.data.sources.label_studio import open_label_studio
from deeplab_tf.data.sources.labelme import open_labelme
from deeplab_tf.data.sources.masks import open_masks
from deeplab_tf.data.sources.pascal_context import open_pascal_context
from deeplab_tf.data.sources.person_part import open_person_part
from deeplab_tf.data.sources.sbd import open_sbd
from deeplab_tf.data.sources.voc12 import open_voc12
from deeplab_tf.data.sources.yolo import open_yolo
from deeplab_tf.data.spec import DataError

SOURCES = {
    "voc12": open_voc12,
    "sbd": open_sbd,
    "pascal_context": open_pascal_context,
    "person_part": open_person_part,
    "cityscapes": open_cityscapes,
    "camvid": open_camvid,
    "folder": open_folder,
    "masks": open_masks,
    "labelme": open_labelme,
    "coco": open_coco,
    "yolo": open_yolo,
    "cvat": open_cvat,
    "label_studio": open_label_studio,
}

__all__ = ["SOURCES", "Item", "Source", "open_source"]


def open_source(dataset: str, folder: str | os.PathLike) -> Source:
    """Opens an archive: reads its lists, no images.

    Args:
        dataset: one of ``SOURCES``.
        folder: where the archive was unpacked.

    Raises:
        DataError: when the folder does not hold it, or a name in it leaves its folder.
    """
    if dataset not in SOURCES:
        raise DataError(f"{dataset!r} is no known data set; there are: {', '.join(SOURCES)}.")
    folder = user_path(folder)
    check_folder(folder, "Give the folder where the archive was unpacked.")
    source = SOURCES[dataset](folder)
    for split, items in source.splits.items():
        for name in (split, *(item.name for item in items)):
            checked_name(name, f"{folder}, split {split!r}")
    filled = {split: items for split, items in source.splits.items() if items}
    if not filled:
        raise DataError(f"{folder}: holds no images of {dataset!r}. See docs/data_sets.md.")
    return dataclasses.replace(source, splits=filled)
