"""An image that a worker reads, and parts of all images that are handed to workers."""

from __future__ import annotations

import dataclasses
import itertools
import posixpath
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import tensorflow as tf

from deeplab_tf.data.files import plain_reason
from deeplab_tf.data.image import decode_upright, read_upright
from deeplab_tf.data.paths import DataError
from deeplab_tf.evaluation.beam import storage


class ImageRef(NamedTuple):
    """An image that is not read yet.

    Attributes:
        path: what it is called where it cannot be read: its file, address or row.
        name: below the folder of all images, or its id.
        contents: the bytes of the image; None where they are in the file at the path.
    """

    path: str
    name: str
    contents: bytes | None = None

    def read(self) -> np.ndarray:
        """Returns uint8 RGB [H, W, 3], upright.

        Raises:
            DataError: it cannot be read.
        """
        try:
            if self.contents is not None:
                return self._decode(self.contents)
            if storage.is_address(self.path):
                return self._decode(storage.read_bytes(self.path))
            return read_upright(self.path)
        except OSError as error:
            raise DataError(f"{self.path}: cannot be read ({error}).") from None
        except tf.errors.OpError as error:
            raise DataError(f"{self.path}: cannot be read ({plain_reason(error)}).") from None
        except ValueError as error:  # of a path that is none; nothing of an image stops a run
            raise DataError(str(error)) from None

    def _decode(self, contents: bytes) -> np.ndarray:
        if not contents:
            raise DataError(f"{self.path}: no bytes.")
        return decode_upright(contents, self.path)


class ImagesPart(Protocol):
    """Some consecutive images, as they travel to a worker."""

    def __iter__(self) -> Iterator[ImageRef]:
        """Yields the images; reads what is needed to find them."""


class InputImages(Protocol):
    """All images of an input.

    Attributes:
        names: of the images, in their order.
    """

    names: list[str]

    def part(self, start: int, stop: int) -> ImagesPart:
        """Returns the images of a range of numbers."""


@dataclasses.dataclass(frozen=True)
class PathsPart:
    """Images by their names below a folder."""

    root: str
    names: tuple[str, ...]

    def __iter__(self) -> Iterator[ImageRef]:
        for name in self.names:
            yield ImageRef(storage.join(self.root, name), name)


def common_folder(paths: Sequence[str]) -> str:
    """Returns the deepest folder that holds all files.

    Args:
        paths: of files, absolute or addresses.

    Example:
        >>> common_folder(["/data/a/1.jpg", "/data/b/c/2.jpg"])
        '/data'
    """
    first, last = (posixpath.dirname(path).split("/") for path in (min(paths), max(paths)))
    same = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    return "/".join(part for part, _ in same) or "/"
