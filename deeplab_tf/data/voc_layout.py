"""Reader for folders in PASCAL VOC layout."""

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tensorflow as tf

from deeplab_tf.data.encoded import allowed_ids, decode_example
from deeplab_tf.data.image import read_image, read_orientation
from deeplab_tf.data.png import read_label
from deeplab_tf.data.spec import DataError, DatasetSpec

_IMAGES, _LABELS, _LISTS = "JPEGImages", "SegmentationClass", "ImageSets/Segmentation"
_IMAGE_ENDINGS = (".jpg", ".jpeg", ".png")


class VocSplit:
    """One split of a folder in PASCAL VOC layout.

    The folder holds ``JPEGImages/NAME.jpg`` (or ``.jpeg``, ``.png``),
    ``SegmentationClass/NAME.png``, ``ImageSets/Segmentation/SPLIT.txt`` with one name a line,
    and ``dataset.json``. Opening reads the list and the folders' names, no picture.

    Args:
        folder: the data set.
        split: name of the list.

    Attributes:
        spec: what ``dataset.json`` says.
        names: the lines of the list.
        image_paths: the picture of every name.
        label_paths: the label map of every name.

    Raises:
        DataError: when ``dataset.json`` or the list is missing or wrong.
    """

    def __init__(self, folder: str | os.PathLike, split: str):
        self.folder, self.split = Path(folder), split
        self.spec = DatasetSpec.load(folder)
        self.names = _read_list(self.folder / _LISTS, split)
        images = _files_by_stem(self.folder / _IMAGES, self.names)
        self.image_paths = [
            str(self.folder / _IMAGES / images.get(name, f"{name}.jpg")) for name in self.names
        ]
        self.label_paths = [str(self.folder / _LABELS / f"{name}.png") for name in self.names]
        with tf.init_scope(), tf.device("CPU:0"):
            self._table = tf.constant([self.names, self.image_paths, self.label_paths])

    def __len__(self) -> int:
        return len(self.names)

    def read(self, index: tf.Tensor) -> dict[str, tf.Tensor]:
        """Reads the bytes of one example inside a graph; see ``EncodedSplit.read``."""
        name, image_path, label_path = tf.unstack(tf.gather(self._table, index, axis=1))
        return {
            "image": tf.io.read_file(image_path),
            "label": tf.io.read_file(label_path),
            "name": name,
            "image_file": image_path,
            "label_file": label_path,
        }

    def load(self, index: tf.Tensor) -> dict[str, tf.Tensor]:
        """Reads one example inside a graph; see ``Split.load``."""
        return decode_example(self.read(index), self.spec)

    def check(self, limit: int | None = None) -> None:
        """Reads the examples and reports all that is wrong; see ``Split.check``."""
        count = len(self) if limit is None else min(limit, len(self))
        chosen = np.linspace(0, len(self) - 1, count).round().astype(int)
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            problems = [text for texts in pool.map(self._problems, chosen) for text in texts]
        problems = self._list_problems() + problems
        if problems:
            raise DataError(
                f"{self.folder}, split {self.split!r}: {len(problems)} problem(s) found in "
                f"{count} examples:\n  " + "\n  ".join(problems)
            )

    def _list_problems(self) -> list[str]:
        path = self.folder / _LISTS / f"{self.split}.txt"
        expected = self.spec.splits.get(self.split, len(self))
        problems = [
            f"{path}: {n!r} is listed twice." for n, c in Counter(self.names).items() if c > 1
        ]
        if expected != len(self):
            problems.append(
                f"{path}: {len(self)} names, but dataset.json says {expected} examples."
            )
        return problems

    def _problems(self, index: int) -> list[str]:
        problems, image, label = [], None, None
        try:
            image = read_image(self.image_paths[index])
        except DataError as error:
            problems.append(str(error))
        try:
            label = read_label(self.label_paths[index])
        except DataError as error:
            problems.append(str(error))
        if image is not None and label is not None and image.shape[:2] != label.shape:
            problems.append(self._size_problem(index, image, label))
        if label is not None:
            problems += self._id_problem(index, label)
        return problems

    def _size_problem(self, index: int, image: np.ndarray, label: np.ndarray) -> str:
        turned = read_orientation(self.image_paths[index]) >= 5
        hint = (
            " The image is stored turned (EXIF); store it and its label upright." if turned else ""
        )
        return (
            f"{self.label_paths[index]}: the label is {label.shape} (height, width), "
            f"its image {image.shape[:2]}.{hint}"
        )

    def _id_problem(self, index: int, label: np.ndarray) -> list[str]:
        ids, counts = np.unique(label, return_counts=True)
        bad = (ids >= self.spec.num_classes) & (ids != self.spec.ignore_label)
        if not bad.any():
            return []
        shown = ", ".join(
            f"{i} ({c} pixels)" for i, c in zip(ids[bad][:5], counts[bad], strict=False)
        )
        more = f" and {bad.sum() - 5} more" if bad.sum() > 5 else ""
        return [f"{self.label_paths[index]}: label id {shown}{more} is {allowed_ids(self.spec)}."]


def _read_list(folder: Path, split: str) -> list[str]:
    path = folder / f"{split}.txt"
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        known = ", ".join(sorted(p.stem for p in folder.glob("*.txt"))) or "none"
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise DataError(
            f"{path}: cannot be read ({reason}). Splits of this data set: {known}."
        ) from None
    names = [line.strip() for line in lines if line.strip()]
    if not names:
        raise DataError(f"{path}: the list is empty; write one name without ending a line.")
    return names


def _files_by_stem(folder: Path, names: list[str]) -> dict[str, str]:
    """Name without ending -> name with ending, of the pictures in the folders of the names."""
    found: dict[str, str] = {}
    for sub in sorted({os.path.dirname(name) for name in names}):
        if not (folder / sub).is_dir():
            continue
        for file in sorted(os.listdir(folder / sub)):
            stem, ending = os.path.splitext(file)
            if ending.lower() in _IMAGE_ENDINGS:
                found.setdefault(os.path.join(sub, stem), os.path.join(sub, file))
    return found
