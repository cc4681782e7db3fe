"""Finds the images of a folder, and says what it leaves out."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

# What `read_upright` reads; those that graphs decode come first.
IMAGE_ENDINGS = (
    ".jpg", ".jpeg", ".png", ".jpe", ".jfif", ".tif", ".tiff", ".bmp", ".webp", ".gif",
    ".heic", ".heif", ".avif",
)  # fmt: skip
# Files and folders that systems and programs leave beside images; all that start with a dot, such
# as .ipynb_checkpoints and the ._NAME.jpg of macOS, are too.
_JUNK = ("__macosx", "@eadir", "thumbs.db", "desktop.ini", "$recycle.bin", "lost+found",
         "system volume information")  # fmt: skip
_HIDDEN, _OTHER = "hidden or of the system", "no image"
_LOOP, _UNREADABLE = "a link back to a folder above", "not readable"
_SHOWN = 3


class LeftOut(NamedTuple):
    """A file or folder that is no source of images.

    Attributes:
        path: of it.
        reason: why.
    """

    path: Path
    reason: str


class FoundImages(NamedTuple):
    """What a folder holds.

    Attributes:
        images: in order.
        left_out: all else.
    """

    images: list[Path]
    left_out: list[LeftOut]


def scan_folder(folder: str | os.PathLike) -> FoundImages:
    """Finds the images of a folder and its sub-folders, linked ones too.

    Args:
        folder: every program that takes a folder of images goes through it this way.

    Raises:
        OSError: the folder cannot be read.
    """
    found = FoundImages([], [])
    _scan(Path(folder), (os.path.realpath(folder),), found)
    return FoundImages(sorted(found.images), sorted(found.left_out))


def all_files(folder: str | os.PathLike) -> list[Path]:
    """Returns the files of a folder, images and others, by the rules of `scan_folder`, in order.

    Args:
        folder: is searched with its sub-folders.

    Raises:
        OSError: the folder cannot be read.
    """
    images, left_out = scan_folder(folder)
    others = (path for path, reason in left_out if reason == _OTHER and path.is_file())
    return sorted([*images, *others])


def choose_images(paths: Iterable[Path], root: Path) -> FoundImages:
    """Chooses the images among paths that a pattern gave, by the rules of `scan_folder`.

    Args:
        paths: below `root`; folders among them are passed over.
        root: the folder that they lie in.
    """
    found = FoundImages([], [])
    for path in sorted(paths):
        if not path.is_dir():
            parts = path.relative_to(root).parts
            reason = next(filter(None, map(_junk, parts)), None) or _loop(path, root)
            _take(path, reason, found)
    return found


def describe_left_out(left_out: Iterable[LeftOut], root: str | os.PathLike) -> str | None:
    """Counts and names in one line what was left out, None where nothing was.

    Args:
        left_out: from `scan_folder`.
        root: names are shown from here.

    Example:
        >>> describe_left_out([LeftOut(Path("in/notes.txt"), "no image")], "in")
        'left out: 1 no image (notes.txt)'
    """
    names: dict[str, list[str]] = {}
    for path, reason in left_out:
        names.setdefault(reason, []).append(os.path.relpath(path, root))
    parts = []
    for reason, all_of_it in names.items():
        more = f" and {len(all_of_it) - _SHOWN} more" if len(all_of_it) > _SHOWN else ""
        parts.append(f"{len(all_of_it)} {reason} ({', '.join(all_of_it[:_SHOWN])}{more})")
    return f"left out: {'; '.join(parts)}" if parts else None


def _scan(folder: Path, above: tuple[str, ...], found: FoundImages) -> None:
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        path = Path(entry.path)
        if _junk(entry.name) or not entry.is_dir():
            _take(path, _junk(entry.name), found)
        elif (real := os.path.realpath(path)) in above:
            found.left_out.append(LeftOut(path, _LOOP))
        else:
            try:
                _scan(path, (*above, real), found)
            except PermissionError:
                found.left_out.append(LeftOut(path, _UNREADABLE))


def _take(path: Path, reason: str | None, found: FoundImages) -> None:
    if reason is None and not (path.suffix.lower() in IMAGE_ENDINGS and path.is_file()):
        reason = _OTHER
    if reason is None:
        found.images.append(path)
    else:
        found.left_out.append(LeftOut(path, reason))


def _junk(name: str) -> str | None:
    return _HIDDEN if name.startswith(".") or name.casefold() in _JUNK else None


def _loop(path: Path, root: Path) -> str | None:
    """Says whether a path passes a link to a folder that it has passed before."""
    folders = [path.parents[i] for i in range(len(path.relative_to(root).parts))]
    passed = {os.path.realpath(folder) for folder in folders}
    return _LOOP if len(passed) < len(folders) else None
