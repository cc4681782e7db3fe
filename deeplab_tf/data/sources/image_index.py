"""Finds the images that annotations name, wherever they lie below a folder."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path, PurePosixPath, PureWindowsPath

from PIL import Image

from deeplab_tf.data.image_files import IMAGE_ENDINGS, all_files
from deeplab_tf.data.orientation import read_orientation
from deeplab_tf.data.other_formats import BROKEN_IMAGE
from deeplab_tf.data.spec import DataError

_SPLITS = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val",
    "test": "test", "testing": "test",
}  # fmt: skip


class ImageIndex:
    """The images below a folder, by their names.

    Annotations name images by paths of the machine they were made on. Only the end of such a path
    counts, so that none leads out of the folder.

    Args:
        folder: is searched with its sub-folders.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.files = [p for p in files_below(folder) if p.suffix.lower() in IMAGE_ENDINGS]
        self._by_name: dict[str, list[Path]] = {}
        for path in self.files:
            self._by_name.setdefault(_normal(path.name), []).append(path)

    def find(self, name: str, near: Path, split: str | None = None) -> Path | None:
        """Returns the image of a name; None where there is none, or several fit equally well.

        Args:
            name: as an annotation gives it; a path with slashes of either kind, or a name. Of
                several images the one whose last folders are those of the path counts;
            near: the annotation's file; then the one that is closest to it;
            split: but before that the one in a folder that is named after the split.
        """
        parts = [_normal(part) for part in PureWindowsPath(name).parts]

        def likeness(path: Path) -> tuple[int, bool, int]:
            own = [_normal(part) for part in path.parts]
            in_split = split in map(split_of, self.place_of(path).parts[:-1])
            return _alike(own[::-1], parts[::-1]), in_split, _alike(path.parts, near.parts)

        found = self._by_name.get(parts[-1], []) if parts else []
        best = sorted(found, key=likeness)[-2:]
        if len(best) == 2 and likeness(best[0]) == likeness(best[1]):
            return None
        return best[-1] if best else None

    def locate(self, name: str, near: Path, split: str | None = None) -> Path:
        """Returns the image of a name, or where it would be beside the annotation's file.

        Args:
            name: as for `find`, as are the others.
            near: the annotation's file.
            split: that the image is in.
        """
        beside = near.parent / (PureWindowsPath(name).name or f"{near.stem}.jpg")
        return self.find(name, near, split) or beside

    def place_of(self, path: Path) -> PurePosixPath:
        """Returns the path of an image below the folder."""
        return PurePosixPath(path.relative_to(self.folder).as_posix())

    def of_stem(self, path: Path) -> Path | None:
        """Returns the image beside a file that has its name with another ending."""
        beside = (self.find(path.stem + ending, path) for ending in _ENDINGS)
        return next((image for image in beside if image and image.parent == path.parent), None)


_ENDINGS = (*IMAGE_ENDINGS, *(ending.upper() for ending in IMAGE_ENDINGS))


def files_below(folder: Path, *endings: str) -> list[Path]:
    """Returns the files in a folder and its sub-folders, sorted, without those of the system.

    Args:
        folder: is searched.
        *endings: of the names, such as ``.json``; any if left out.
    """
    files = all_files(folder)
    return [path for path in files if not endings or path.suffix.lower() in endings]


def split_and_name(path: PurePosixPath) -> tuple[str, str]:
    """Returns the split that the first folder of a path is named after, and the name in it.

    Args:
        path: below the data set's folder.

    Example:
        >>> split_and_name(PurePosixPath("valid/street/7.jpg"))
        ('val', 'street/7')
        >>> split_and_name(PurePosixPath("street/7.jpg"))
        ('train', 'street/7')
    """
    first, *others = path.with_suffix("").parts
    split = _SPLITS.get(first.lower()) if others else None
    return split or "train", "/".join(others if split else (first, *others))


def example_name(name: str) -> str:
    r"""Returns the name of the example that an annotation calls by a path.

    Args:
        name: a path with slashes of either kind, and an ending.

    Example:
        >>> example_name("C:\\street\\7.jpg"), example_name("../street/7.jpg")
        ('street/7', 'street/7')
    """
    path = PureWindowsPath(name)
    parts = [part for part in path.parts if part not in (path.anchor, "..", ".")]
    return PurePosixPath(*parts).with_suffix("").as_posix() if parts else ""


def split_of(text: str) -> str | None:
    """Returns the split that a name stands for, such as ``instances_val2017``; None for none."""
    words = re.findall(r"[a-z]+", text.lower())
    return next((_SPLITS[word] for word in words if word in _SPLITS), None)


def upright_size(path: Path) -> tuple[int, int]:
    """Reads height and width of an image as it is shown, without its pixels.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with Image.open(path) as image:
            width, height = image.size
    except BROKEN_IMAGE as error:
        reason = getattr(error, "strerror", None) or "no image"
        raise DataError(f"{path}: cannot be read ({reason}).") from None
    return (width, height) if read_orientation(path) >= 5 else (height, width)


def _alike(some: Sequence[str], others: Sequence[str]) -> int:
    """Returns how many first parts are the same."""
    same = takewhile(lambda pair: pair[0] == pair[1], zip(some, others, strict=False))
    return sum(1 for _ in same)


def _normal(text: str) -> str:
    return unicodedata.normalize("NFC", text)
