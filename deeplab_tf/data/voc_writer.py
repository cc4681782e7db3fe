"""Writes any data set as a folder in PASCAL VOC layout."""

import dataclasses
import io
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from deeplab_tf.data.files import write_atomically
from deeplab_tf.data.png import encode_label
from deeplab_tf.data.spec import palette_bytes
from deeplab_tf.data.split import Split


def write_voc_layout(folder: str | os.PathLike, splits: Mapping[str, Split]) -> None:
    """Writes pictures, label maps, lists and, last, ``dataset.json``.

    Args:
        folder: where to; files of the same names are replaced.
        splits: the splits of one data set by the names that their lists get. Pictures are
            written as PNG, without loss.

    Raises:
        ValueError: when there is no split.

    Example:
        >>> import tempfile
        >>> from deeplab_tf.data import SyntheticSplit, VocSplit
        >>> folder = tempfile.mkdtemp()
        >>> write_voc_layout(folder, {"val": SyntheticSplit("val", examples=2)})
        >>> VocSplit(folder, "val").names
        ['val_0000', 'val_0001']
    """
    folder = Path(folder)
    if not splits:
        raise ValueError("There is no split to write. Received: an empty mapping.")
    for name, split in splits.items():
        for index in range(len(split)):
            _write_example(folder, split, index)
        names = "".join(f"{name}\n" for name in split.names)
        write_atomically(folder / "ImageSets/Segmentation" / f"{name}.txt", names.encode())
    counts = {name: len(split) for name, split in splits.items()}
    spec = next(iter(splits.values())).spec
    dataclasses.replace(spec, splits=counts).save(folder)


def _write_example(folder: Path, split: Split, index: int) -> None:
    example = split.load(tf.constant(index, tf.int64))
    picture, label = io.BytesIO(), example["label"].numpy().astype(np.uint8)
    Image.fromarray(example["image"].numpy()).save(picture, "PNG")
    name = f"{split.names[index]}.png"
    write_atomically(folder / "JPEGImages" / name, picture.getvalue())
    encoded = encode_label(label, palette_bytes(split.spec))
    write_atomically(folder / "SegmentationClass" / name, encoded)
