"""Reads the lists that say which examples a split holds, in the forms that are about."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from deeplab_tf.data.file_names import decode_text
from deeplab_tf.data.image_files import IMAGE_ENDINGS
from deeplab_tf.data.paths import DataError, checked_name

_IMAGES = "JPEGImages"
# Lists of one class, in VOC's ImageSets/Main: 1 it is in the image, 0 hardly, -1 it is not.
_FLAGGED = re.compile(r"(.*\S)\s+(-1|0|1)")


class ListedExample(NamedTuple):
    """One line of a list.

    Attributes:
        name: of the example, without ending.
        image: its file below the data set's folder, where the list gives it.
        label: that of its label, where the list gives it.
    """

    name: str
    image: str | None = None
    label: str | None = None


def read_listed(folder: Path, split: str) -> list[ListedExample]:
    """Reads ``FOLDER/SPLIT.txt``.

    A line is a name (``0001``, ``city/0001``), a name with its ending, an image and its label as
    paths below the data set's folder (``/JPEGImages/0001.jpg /Labels/0001.png``, also with a comma
    or a tab between them), or in lists of one class a name with 1, 0 or -1; those with -1 are left
    out, as that class is not in them.

    Raises:
        DataError: when it cannot be read (the message names the lists there are), is empty, or
            it or a name in it leaves its folder.
    """
    path = folder / f"{checked_name(split, folder)}.txt"
    try:
        text = decode_text(path.read_bytes())
    except OSError as error:
        known = ", ".join(sorted(p.stem for p in folder.glob("*.txt"))) or "none"
        raise DataError(
            f"{path}: cannot be read ({error.strerror}). Splits of this data set: {known}."
        ) from None
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    flagged = [_FLAGGED.fullmatch(line) for line in lines]
    if all(flagged):
        lines = [match[1] for match in flagged if match and match[2] != "-1"]
    if not lines:
        raise DataError(f"{path}: the list is empty; write one name without ending a line.")
    return [_read_line(line, path) for line in lines]


def read_list(folder: Path, split: str) -> list[str]:
    """Reads the names of ``FOLDER/SPLIT.txt``; see `read_listed`."""
    return [listed.name for listed in read_listed(folder, split)]


def _read_line(line: str, path: Path) -> ListedExample:
    separator = next((mark for mark in ("\t", ",") if mark in line), None)
    parts = [part.strip() for part in line.split(separator)]
    if len(parts) == 2 and all(map(_has_ending, parts)):
        image, label = (checked_name(part.removeprefix("/"), path) for part in parts)
        return ListedExample(_name(image), image, label)
    name = line if not _has_ending(line) else _name(line.removeprefix(f"/{_IMAGES}/"))
    return ListedExample(checked_name(name, path))


def _name(file: str) -> str:
    return os.path.splitext(file)[0].removeprefix(f"{_IMAGES}/")


def _has_ending(text: str) -> bool:
    return os.path.splitext(text)[1].lower() in IMAGE_ENDINGS
