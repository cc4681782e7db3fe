"""Writes any data set as a folder in PASCAL VOC layout."""

from __future__ import annotations

import dataclasses
import io
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from deeplab_tf.data.files import write_atomically
from deeplab_tf.data.own_files import DATA_SET, check_outputs, is_png_of, json_object, png_mark
from deeplab_tf.data.paths import checked_name, user_path
from deeplab_tf.data.png import encode_label
from deeplab_tf.data.spec import FILE_NAME, DatasetSpec, palette_bytes
from deeplab_tf.data.split import Split
from deeplab_tf.data.voc_layout import IMAGES, LABELS, LISTS


def write_voc_layout(
    folder: str | os.PathLike, splits: Mapping[str, Split], overwrite: bool = False
) -> None:
    """Writes images, label maps, lists and, last, ``dataset.json``.

    Args:
        folder: where to; what an earlier call wrote is replaced.
        splits: the splits of one data set by the names that their lists get. Images are
            written as PNG, without loss.
        overwrite: also replace files that this function did not write.

    Raises:
        ValueError: when there is no split, or a file would be replaced that this function did
            not write.
        DataError: when a name would leave the folder.

    Example:
        >>> import tempfile
        >>> from deeplab_tf.data import SyntheticSplit, VocSplit
        >>> folder = tempfile.mkdtemp()
        >>> write_voc_layout(folder, {"val": SyntheticSplit("val", examples=2)})
        >>> VocSplit(folder, "val").names
        ['val_0000', 'val_0001']
    """
    folder = user_path(folder)
    if not splits:
        raise ValueError("There is no split to write. Received: an empty mapping.")
    spec = next(iter(splits.values())).spec
    spec = dataclasses.replace(spec, splits={name: len(split) for name, split in splits.items()})
    check_outputs(_owners(folder, splits, spec), overwrite)
    for name, split in splits.items():
        for index, files in enumerate(_examples(folder, split)):
            _write_example(split, index, *files)
        names = "".join(f"{name}\n" for name in split.names)
        write_atomically(_list(folder, name), names.encode())
    spec.save(folder)


def _owners(folder: Path, splits: Mapping[str, Split], spec: DatasetSpec) -> dict:
    """Returns all written files, each with a check whether an earlier call wrote it."""

    def is_own_list(file: Path) -> bool:
        """Returns whether an earlier call wrote every label of a list."""
        names = file.read_text("utf-8", "replace").split("\n")[:-1] if file.is_file() else []
        labels = [folder / LABELS / f"{name}.png" for name in names]
        return bool(labels) and all(map(is_png_of(DATA_SET), labels))

    def is_own_description(file: Path) -> bool:
        found, wanted = json_object(file), spec.to_dict()
        return found.keys() == wanted.keys() and found | {"splits": wanted["splits"]} == wanted

    files = {file: is_png_of(DATA_SET) for split in splits.values()
             for both in _examples(folder, split) for file in both}  # fmt: skip
    files |= {_list(folder, name): is_own_list for name in splits}
    return files | {folder / FILE_NAME: is_own_description}


def _list(folder: Path, split: str) -> Path:
    return folder / LISTS / f"{checked_name(split, 'splits')}.txt"


def _examples(folder: Path, split: Split) -> list[tuple[Path, Path]]:
    """Returns the files of image and label of every example."""
    names = [f"{checked_name(name, f'split {split.split!r}')}.png" for name in split.names]
    return [(folder / IMAGES / name, folder / LABELS / name) for name in names]


def _write_example(split: Split, index: int, image_file: Path, label_file: Path) -> None:
    example = split.load(tf.constant(index, tf.int64))
    encoded, label = io.BytesIO(), example["label"].numpy().astype(np.uint8)
    image = Image.fromarray(example["image"].numpy())
    image.save(encoded, "PNG", pnginfo=png_mark(DATA_SET))
    write_atomically(image_file, encoded.getvalue())
    write_atomically(label_file, encode_label(label, palette_bytes(split.spec), DATA_SET))
