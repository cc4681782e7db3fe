"""Folders of images and masks under any names: levels 0 and 255, ids, or colours."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from deeplab_tf.data.sources.archive import Item, Source
from deeplab_tf.data.sources.image_index import files_below
from deeplab_tf.data.sources.mask_coding import find_coding, read_coded
from deeplab_tf.data.sources.mask_pairs import pair_masks

_ENDINGS = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp")


def open_masks(source: Path) -> Source:
    """Opens a folder of images and masks; reads all masks to find out what is in them.

    A split without any mask has no labels.
    """
    pairs = pair_masks(source, files_below(source, *_ENDINGS))
    coding = find_coding(source, [pair.mask for pair in pairs if pair.mask])
    labelled = {pair.split for pair in pairs if pair.mask}
    splits: dict[str, list[Item]] = {}
    for split, name, image, mask in pairs:
        label = (mask or source / f"{name}.png") if split in labelled else None
        item = Item(name, image or source / f"{name}.jpg", label)
        splits.setdefault(split, []).append(item)
    reader = partial(read_coded, by_color=coding.by_color, ids=coding.ids)
    return Source(coding.spec, splits, read_label=reader)
