"""Reads folders in PASCAL VOC layout."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import tensorflow as tf

from deeplab_tf.data.encoded import decode_example
from deeplab_tf.data.example_checks import Label, check_examples, inspect_example
from deeplab_tf.data.file_names import listed_key, stored_key
from deeplab_tf.data.image import read_fitting
from deeplab_tf.data.image_files import IMAGE_ENDINGS
from deeplab_tf.data.paths import user_path
from deeplab_tf.data.png import read_label
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.data.split_list import read_listed

IMAGES, LABELS, LISTS = "JPEGImages", "SegmentationClass", "ImageSets/Segmentation"


class VocSplit:
    """One split of a folder in PASCAL VOC layout.

    The folder holds ``JPEGImages/NAME.jpg`` (or ``.jpeg``, ``.png``),
    ``SegmentationClass/NAME.png``, ``ImageSets/Segmentation/SPLIT.txt`` with one name a line (or
    another form, see ``read_listed``), and ``dataset.json``. Opening reads the list and the names
    in the folders, no image.

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
        listed = read_listed(self.folder / LISTS, split)
        self.names = [example.name for example in listed]
        images = files_by_stem(self.folder / IMAGES, self.names)
        labels = files_by_stem(self.folder / LABELS, self.names, (".png",))
        self.image_paths, self.label_paths = [], []
        for name, image, label in listed:
            image = image or f"{IMAGES}/{images.get(name, f'{name}.jpg')}"
            label = label or f"{LABELS}/{labels.get(name, f'{name}.png')}"
            self.image_paths.append(str(self.folder / image))
            self.label_paths.append(str(self.folder / label))
        self.labelled = any(os.path.exists(path) for path in self.label_paths)
        # TensorFlow writes text in UTF-8, which a path need not be.
        paths = [[*map(os.fsencode, part)] for part in (self.image_paths, self.label_paths)]
        with tf.init_scope(), tf.device("CPU:0"):
            self._table = tf.constant([[name.encode() for name in self.names], *paths])

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
        image = partial(read_fitting, image_path)
        label = Label(label_path, partial(read_label, label_path, self.spec))
        return inspect_example(image, label if self.labelled else None, self.spec)[0]


def files_by_stem(
    folder: Path, names: Sequence[str], endings: Sequence[str] = IMAGE_ENDINGS
) -> dict[str, str]:
    """Maps names to files, for the files with such endings in the folders of the names.

    Args:
        folder: that holds the files, in sub-folders as the names say.
        names: without ending.
        endings: in small letters; of several files of one name the first ending counts.

    Returns:
        The files of names that have one, below the folder.
    """
    keys = {listed_key(name): name for name in names}
    found: dict[str, tuple[int, str]] = {}  # with the place of the ending
    for sub in sorted({os.path.dirname(name) for name in names}):
        for file in sorted(os.listdir(folder / sub)) if (folder / sub).is_dir() else ():
            stem, ending = os.path.splitext(file)
            name = keys.get(os.path.join(listed_key(sub), stored_key(stem)))
            if name is not None and ending.lower() in endings:
                candidate = endings.index(ending.lower()), os.path.join(sub, file)
                found[name] = min(candidate, found.get(name, candidate))
    return {name: file for name, (_, file) in found.items()}
