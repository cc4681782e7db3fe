"""The interface between data sources and the converter, and helpers for sources."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from deeplab_tf.data.example_checks import count_values
from deeplab_tf.data.png import read_label
from deeplab_tf.data.spec import DataError, DatasetSpec
from deeplab_tf.data.split_list import read_list
from deeplab_tf.data.voc_layout import IMAGES, LABELS, LISTS, files_by_stem

# Of lines without an area, in pixels, unless the user says otherwise; as in labelme.
LINE_WIDTH = 10.0


class Item(NamedTuple):
    """One example of an archive.

    Attributes:
        name: unique within its split, without an ending.
        image: the image's file, which need not exist: the converter reports it then.
        label: the file that its label is read from; None in a test split.
        entries: what that file says of this image, as JSON, where one file describes many.
    """

    name: str
    image: Path
    label: Path | None
    entries: Any = None


def read_file(path: Path) -> bytes:
    """Reads a file.

    Raises:
        DataError: it cannot be read; the message names it.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from None


@dataclasses.dataclass(frozen=True)
class Source:
    """An archive as it lies on the disk; no image has been read yet.

    Args:
        spec: names, colours and void label.
        splits: the examples of every split that is there, in canonical order.
        known_counts: how many examples the published splits have.
        read_label: gives the ids ``[height, width]`` of a label file, or raises a DataError. A
            function of a module or a ``partial`` of one, for it goes to other processes.
        draw: in place of ``read_label`` where labels are shapes: gives the ids of an item, from it
            and the width of lines in pixels.
        image_bytes: gives the file of an image, or raises a DataError.
        line_width: of lines without an area, in pixels.
        new_ids: where a label map changes classes, the new id of every id; see `map_labels`.
        warnings: what is left out, and why.
    """

    spec: DatasetSpec
    splits: Mapping[str, Sequence[Item]]
    known_counts: Mapping[str, int] = dataclasses.field(default_factory=dict)
    read_label: Callable[[Path], np.ndarray] = read_label
    draw: Callable[[Item, float], np.ndarray] | None = None
    image_bytes: Callable[[Path], bytes] = read_file
    line_width: float = LINE_WIDTH
    new_ids: Mapping[int, int] = dataclasses.field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def label_ids(self, item: Item) -> np.ndarray:
        """Returns the ids ``[height, width]`` of an example that has a label.

        Raises:
            DataError: the label is wrong; the message names it.
        """
        assert item.label is not None
        ids = self.draw(item, self.line_width) if self.draw else self.read_label(item.label)
        if not self.new_ids:
            return ids
        found, places = np.unique(ids, return_inverse=True)
        bad = np.isin(ids, [i for i in found if i not in self.new_ids])
        if bad.any():
            raise DataError(f"{item.label}: label id {count_values(ids[bad])} is no class.")
        new = np.array([self.new_ids[int(i)] for i in found], np.uint8)
        return new[places].reshape(ids.shape)


def find_folder(source: Path, inside: str, *candidates: str) -> Path:
    """Finds the folder that holds another one.

    Args:
        source: what the user gave.
        inside: sub-folder that shows that it is the right one.
        candidates: where it may be below ``source``, in order.

    Raises:
        DataError: when it is nowhere; the message lists where it was looked for.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> (folder / "VOC2012/JPEGImages").mkdir(parents=True)
        >>> find_folder(folder, "JPEGImages", ".", "VOC2012").name
        'VOC2012'
    """
    for candidate in candidates:
        if (source / candidate / inside).is_dir():
            return source / candidate
    places = ", ".join(os.path.normpath(Path(c, inside)) for c in candidates)
    raise DataError(f"{source}: holds none of these folders: {places}. See docs/data_sets.md.")


def listed_splits(folder: Path, names: Sequence[str]) -> dict[str, list[str]]:
    """Reads the lists of a folder that exist.

    Raises:
        DataError: when there is none of them.
    """
    found = [name for name in names if (folder / f"{name}.txt").is_file()]
    if not found:
        wanted = ", ".join(f"{name}.txt" for name in names)
        raise DataError(f"{folder}: holds none of the lists {wanted}. See docs/data_sets.md.")
    return {name: read_list(folder, name) for name in found}


def voc_items(root: Path, names: Sequence[str], labelled: bool = True) -> list[Item]:
    """Returns the examples of a folder in PASCAL VOC layout."""
    images = files_by_stem(root / IMAGES, names)
    labels = files_by_stem(root / LABELS, names, (".png",))
    return [
        Item(
            name,
            root / IMAGES / images.get(name, f"{name}.jpg"),
            root / LABELS / labels.get(name, f"{name}.png") if labelled else None,
        )
        for name in names
    ]


def voc_splits(root: Path, names: Sequence[str]) -> dict[str, list[Item]]:
    """Returns the splits of a folder in PASCAL VOC layout; ``test`` has no labels."""
    lists = listed_splits(root / LISTS, names)
    return {name: voc_items(root, listed, name != "test") for name, listed in lists.items()}


def map_ids(ids: np.ndarray, table: Sequence[int], path: Path) -> np.ndarray:
    """Maps the ids of an archive to those of its `DatasetSpec`.

    Args:
        ids: integers ``[height, width]``.
        table: new id of every old one.
        path: what the message of an error calls the label.

    Raises:
        DataError: when an id is not in the table; the message says how many pixels have it.
    """
    bad = (ids < 0) | (ids >= len(table))
    if bad.any():
        raise DataError(
            f"{path}: label id {count_values(ids[bad])} is none of this data set's "
            f"0..{len(table) - 1}."
        )
    return np.asarray(table)[ids]
