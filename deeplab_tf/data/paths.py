"""Validates paths given by users and names in data sets that become paths."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import unicodedata
from collections.abc import Iterator
from pathlib import Path

# `Path` makes one slash of two: gs://bucket and gs:/bucket are the same mistake.
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
# Before the name of a trained network, where its path could stand.
PRESET = "preset:"
_WILDCARD = re.compile(r"[*?\[\\]")
_DRIVE = re.compile(r"[A-Za-z]:")


def is_address(place: str | os.PathLike) -> bool:
    """Returns whether a place is an address, such as that of an object store.

    Example:
        >>> is_address("gs://bucket/a.jpg"), is_address("/data/a.jpg")
        (True, False)
    """
    return isinstance(place, str) and bool(re.match(rf"{_ADDRESS.pattern}/.", place))


class DataError(ValueError):
    """Something is wrong with a data set; each argument is one line that names the file."""

    def __str__(self) -> str:
        return "\n".join(map(str, self.args))


def expand_path(path: str | os.PathLike) -> str:
    """Expands `~` in a path given by a user and refuses addresses; every such path passes here.

    Args:
        path: as it was given. What is no path of its own (`synthetic`, `hed`, a pattern with `*`)
            stays as it is.

    Returns:
        The path with `~` as the home folder.

    Raises:
        ValueError: when the path is empty or an address such as ``gs://bucket``.

    Example:
        >>> expand_path("~/run") == os.path.join(os.path.expanduser("~"), "run")
        True
    """
    text = os.fsdecode(path)
    if not text.strip():
        raise ValueError("A path is empty; give a file or a folder.")
    if _ADDRESS.match(text):
        raise ValueError(
            f"{text}: an address, not a path of this machine. Mount the storage as a folder, or "
            "copy what is needed, and give that path."
        )
    return os.path.expanduser(text)


def user_path(path: str | os.PathLike) -> Path:
    """Returns `expand_path` as a `Path`."""
    return Path(expand_path(path))


def is_pattern(path: str | os.PathLike) -> bool:
    """Returns whether a path has wildcards, so that it may stand for several files."""
    return bool(_WILDCARD.search(str(path)))


def check_folder(folder: Path, advice: str) -> None:
    """Raises where a folder that is to be read is none.

    Args:
        folder: to be read.
        advice: the end of the message: what to give.

    Raises:
        DataError: it is not there, or it is a file.
    """
    if not folder.is_dir():
        problem = "a file, not a folder" if folder.exists() else "no such folder"
        raise DataError(f"{folder}: {problem}. {advice}".rstrip())


@contextlib.contextmanager
def without_wildcards(folder: str | os.PathLike) -> Iterator[str]:
    """Yields a path to a folder without wildcards: TensorFlow reads checkpoint paths as patterns.

    Args:
        folder: such as ``runs/lr[0.01]``.

    Yields:
        The path itself if nothing in it is a wildcard, else that of a link to the folder.
    """
    if not is_pattern(folder):
        yield str(folder)
        return
    with tempfile.TemporaryDirectory() as links:
        link = os.path.join(links, "folder")
        os.symlink(os.path.abspath(folder), link)
        yield link


def checked_name(name: str, where: str | os.PathLike) -> str:
    """Validates that a name in a data set stands for a file below its folder, and returns it.

    All code that reads names (of examples, splits or shards) from a file, or writes files under
    them, calls this. Sub-folders, such as ``city/0001``, are allowed.

    Args:
        name: of an example, a split or a shard.
        where: what the message calls the place of the name, such as the file that lists it.

    Raises:
        DataError: when the name is empty, absolute, has a part ``..``, a backslash or a drive
            letter, or holds a control character.

    Example:
        >>> checked_name("city/0001", "train.txt")
        'city/0001'
    """
    problem = _name_problem(name)
    if problem:
        raise DataError(
            f"{where}: the name {name!r} {problem}. A name is a path below the data set's folder, "
            "such as 0001 or city/0001."
        )
    return name


def _name_problem(name: str) -> str | None:
    if not name.strip():
        return "is empty"
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in name):
        return "holds a control character"
    if "\\" in name or _DRIVE.match(name):
        return "has a backslash or a drive letter"
    if name.startswith("/"):
        return "is absolute"
    if ".." in name.split("/"):
        return "leaves the folder (..)"
    return None
