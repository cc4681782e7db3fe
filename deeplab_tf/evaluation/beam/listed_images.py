"""Images that a text file lists, one path a line."""

from __future__ import annotations

import codecs
import dataclasses
import os
import posixpath
from collections.abc import Iterator

from deeplab_tf.data.paths import DataError
from deeplab_tf.evaluation.beam import storage
from deeplab_tf.evaluation.beam.image_ref import ImageRef, common_folder

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclasses.dataclass(frozen=True)
class ListPart:
    """Consecutive lines of a list, which a worker reads itself: lists can be long."""

    file: str
    offset: int
    count: int
    root: str

    def __iter__(self) -> Iterator[ImageRef]:
        for _, path in _lines(self.file, self.offset, self.count):
            yield ImageRef(path, below(path, self.root))


class ListedImages:
    """The images of a list; see `InputImages`.

    Args:
        file: one path a line, UTF-8; empty lines do not count. Paths that are neither absolute nor
            addresses are below the folder of the list.

    Raises:
        DataError: the list cannot be read, or is empty.
    """

    def __init__(self, file: str):
        self._file = file
        try:
            if storage.read_head(file).startswith(_UTF16):
                raise DataError(f"{file}: UTF-16; write the list in UTF-8.")
            self._offsets, paths = [], []
            for offset, path in _lines(file):
                self._offsets.append(offset)
                paths.append(path)
        except OSError as error:
            raise DataError(f"{file}: cannot be read ({error.strerror or error}).") from None
        if not paths:
            raise DataError(f"{file}: no images; the list is empty.")
        self._root = common_folder(paths)
        self.names = [below(path, self._root) for path in paths]

    def part(self, start: int, stop: int) -> ListPart:
        """Returns the images of a range of numbers."""
        return ListPart(self._file, self._offsets[start], stop - start, self._root)


def _lines(file: str, offset: int = 0, count: int | None = None) -> Iterator[tuple[int, str]]:
    """Yields where lines begin and the paths in them."""
    folder = storage.dirname(file)
    with storage.open_file(file) as opened:
        opened.seek(offset)
        while count is None or count > 0:
            line = opened.readline()
            if not line:
                return
            text = os.fsdecode(line.removeprefix(codecs.BOM_UTF8) if not offset else line).strip()
            if text:
                if count is not None:
                    count -= 1
                yield offset, resolve(text, folder)
            offset += len(line)


def resolve(path: str, folder: str) -> str:
    """Returns a path out of a list or table as workers take it.

    Args:
        path: absolute, an address, or below the folder.
        folder: of the list or table.
    """
    if storage.is_address(path):
        return path
    if storage.is_address(folder):
        return storage.join(folder, path)
    return posixpath.normpath(os.path.join(folder, os.path.expanduser(path)))


def below(path: str, root: str) -> str:
    """Returns the name of a path below a folder that it is in."""
    return path.removeprefix(root).lstrip("/")
