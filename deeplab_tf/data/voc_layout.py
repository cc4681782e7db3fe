"""Reads folders in PASCAL VOC layout."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import tensorflow as tf

from deeplab_tf.data.encoded import decode_example
from deeplab_tf.data.example_checks import Part, check_examples, inspect_example
from deeplab_tf.data.image import read_image
from deeplab_tf.data.paths import checked_name, user_path
from deeplab_tf.data.png import read_label
from deeplab_tf.data.spec import DataError, DatasetSpec

IMAGES, LABELS, LISTS = "JPEGImages", "SegmentationClass", "ImageSets/Segmentation"
IMAGE_ENDINGS = (".jpg", ".jpeg", ".png")


class VocSplit:
    """One split of a folder in PASCAL VOC layout.

    The folder holds ``JPEGImages/NAME.jpg`` (or ``.jpeg``, ``.png``),
    ``SegmentationClass/NAME.png``, ``ImageSets/Segmentation/SPLIT.txt`` with one name a line,
    and ``dataset.json``. Opening reads the list and the folders' names, no image.

    Args:
        folder: the data set.
        split: name of the list.

    Attributes:
        spec: what ``dataset.json`` says.
        names: the lines of the list.
        image_paths: the image of every name.
        label_paths: the label map of every name.
        labelled: whether there is a label of any name; a test split has none.

    Raises:
        DataError: when ``dataset.json`` or the list is missing or wrong.
    """

    def __init__(self, folder: str | os.PathLike, split: str):
        self.folder, self.split = user_path(folder), split
        self.spec = DatasetSpec.load(self.folder)
        self.names = read_list(self.folder / LISTS, split)
        images = files_by_stem(self.folder / IMAGES, self.names)
        self.image_paths = [
            str(self.folder / IMAGES / images.get(name, f"{name}.jpg")) for name in self.names
        ]
        self.label_paths = [str(self.folder / LABELS / f"{name}.png") for name in self.names]
        self.labelled = any(os.path.exists(path) for path in self.label_paths)
        with tf.init_scope(), tf.device("CPU:0"):
            self._table = tf.constant([self.names, self.image_paths, self.label_paths])

    def __len__(self) -> int:
        return len(self.names)

    def read(self, index: tf.Tensor) -> dict[str, tf.Tensor]:
        """Reads the bytes of one example inside a graph; see ``EncodedSplit.read``."""
        name, image_path, label_path = tf.unstack(tf.gather(self._table, index, axis=1))
        encoded = {"name": name, "image": tf.io.read_file(image_path), "image_file": image_path}
        if self.labelled:
            encoded.update(label=tf.io.read_file(label_path), label_file=label_path)
        return encoded

    def load(self, index: tf.Tensor) -> dict[str, tf.Tensor]:
        """Reads one example inside a graph; see ``Split.load``."""
        return decode_example(self.read(index), self.spec)

    def check(self, limit: int | None = None) -> None:
        """Reads the examples and reports all that is wrong; see ``Split.check``."""
        where = f"{self.folder}, split {self.split!r}"
        check_examples(where, len(self), limit, self._problems, self._list_problems())

    def _list_problems(self) -> list[str]:
        path = self.folder / LISTS / f"{self.split}.txt"
        expected = self.spec.splits.get(self.split, len(self))
        problems = [
            f"{path}: {n!r} is listed twice." for n, c in Counter(self.names).items() if c > 1
        ]
        if expected != len(self):
            problems.append(
                f"{path}: {len(self)} names, but dataset.json says {expected} examples. "
                "Correct its splits, or leave them out."
            )
        return problems

    def _problems(self, index: int) -> list[str]:
        image_path, label_path = self.image_paths[index], self.label_paths[index]
        image = Part(image_path, partial(read_image, image_path, refuse_turned=True))
        label = Part(label_path, partial(read_label, label_path, self.spec))
        return inspect_example(image, label if self.labelled else None, self.spec)[0]


def read_list(folder: Path, split: str) -> list[str]:
    """Reads the names of ``FOLDER/SPLIT.txt``.

    Raises:
        DataError: when it cannot be read (the message names the lists there are), is empty, or
            it or a name in it leaves its folder.
    """
    path = folder / f"{checked_name(split, folder)}.txt"
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        known = ", ".join(sorted(p.stem for p in folder.glob("*.txt"))) or "none"
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise DataError(
            f"{path}: cannot be read ({reason}). Splits of this data set: {known}."
        ) from None
    names = [checked_name(line.strip(), path) for line in lines if line.strip()]
    if not names:
        raise DataError(f"{path}: the list is empty; write one name without ending a line.")
    return names


def files_by_stem(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """Maps names without ending to names with it, for images in the folders of the names."""
    found: dict[str, str] = {}
    for sub in sorted({os.path.dirname(name) for name in names}):
        if not (folder / sub).is_dir():
            continue
        for file in sorted(os.listdir(folder / sub)):
            stem, ending = os.path.splitext(file)
            if ending.lower() in IMAGE_ENDINGS:
                found.setdefault(os.path.join(sub, stem), os.path.join(sub, file))
    return found
