"""Recognises files that this library wrote, so that others are not overwritten unasked.

PNGs carry a mark in their header, other files are known by what they hold.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from PIL.PngImagePlugin import PngInfo

from deeplab_tf.data.json_file import read_json

PREDICTION = "deeplab_tf prediction"
DATA_SET = "deeplab_tf data set"
REPORT = "deeplab_tf report"
CONTACT_SHEET = "deeplab_tf contact sheet"
# The mark is the first chunk behind the 33 bytes of a PNG's header.
_HEAD = 256


def png_mark(mark: str | None) -> PngInfo | None:
    """Returns the text chunk `Software` that marks a PNG, for Pillow's argument `pnginfo`.

    Args:
        mark: one of the marks above, so that no kind of image is taken for another; None for
            no mark.
    """
    if mark is None:
        return None
    info = PngInfo()
    info.add_text("Software", mark)
    return info


def has_png_mark(head: bytes, mark: str) -> bool:
    """Returns whether the first bytes of a PNG hold a mark."""
    return b"tEXtSoftware\0" + mark.encode("latin-1") in head


def is_png_of(mark: str) -> Callable[[Path], bool]:
    """Returns a function that tells whether a file is a PNG with a mark, by its first bytes.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> file = Path(tempfile.mkdtemp()) / "a.png"
        >>> Image.new("L", (2, 2)).save(file, pnginfo=png_mark(PREDICTION))
        >>> is_png_of(PREDICTION)(file), is_png_of(DATA_SET)(file)
        (True, False)
    """
    return lambda file: has_png_mark(_head(file), mark)


def is_text_with(text: str) -> Callable[[Path], bool]:
    """Returns a function that tells whether a file holds a text in its first bytes."""
    return lambda file: text.encode() in _head(file)


def is_json_with(*keys: str) -> Callable[[Path], bool]:
    """Returns a function that tells whether a file is a JSON object with these keys."""
    return lambda file: set(keys) <= set(json_object(file))


def json_object(file: Path) -> dict[str, Any]:
    """Reads the object in a JSON file; an empty one where it holds none or cannot be read."""
    try:
        values = read_json(file)
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def check_outputs(
    files: Mapping[Path, Callable[[Path], bool]],
    overwrite: bool = False,
    advice: str = "Give another --output, or --overwrite (overwrite=True) to replace it.",
) -> None:
    """Raises before any work if a foreign file would be overwritten or a folder is not writable.

    Every writer calls it with all files that it is going to write. Files of an earlier run of the
    same command are overwritten.

    Args:
        files: what is going to be written, each with a function that tells whether an existing
            file was written by this library, such as `is_png_of(PREDICTION)`.
        overwrite: allow overwriting any file.
        advice: the end of the message: what to do.

    Raises:
        ValueError: a file is there that this library did not write; the message names the first
            and says how many there are.
        OSError: a folder cannot be written into.
    """
    for folder in {file.parent for file in files}:
        _check_folder(folder)
    if overwrite:
        return
    foreign = [file for file, is_own in files.items() if os.path.lexists(file) and not is_own(file)]
    if foreign:
        more = f" (the first of {len(foreign)} such files)" if len(foreign) > 1 else ""
        raise ValueError(f"{foreign[0]} is there and this program did not write it{more}. {advice}")


def _check_folder(folder: Path) -> None:
    """Raises where a path is no folder, or may not be written into or made."""
    there = next((f for f in (folder, *folder.parents) if os.path.lexists(f)), Path())
    if not there.is_dir():
        raise NotADirectoryError(
            errno.ENOTDIR, f"cannot be written: {there} is not a folder", str(folder)
        )
    try:
        # Some file systems refuse what the permissions allow. The file has no name.
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        reason = f"cannot be written: nothing can be made in {there} ({error.strerror})"
        raise OSError(error.errno, reason, str(folder)) from None


def _head(file: Path) -> bytes:
    try:
        with open(file, "rb") as opened:
            return opened.read(_HEAD)
    except (OSError, ValueError):
        return b""
