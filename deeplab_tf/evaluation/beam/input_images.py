"""Opens what --input names: images, a list of paths, or Parquet files."""

from __future__ import annotations

import glob
import os
import posixpath
from collections.abc import Callable, Sequence
from pathlib import Path

from deeplab_tf.data.image_files import IMAGE_ENDINGS, describe_left_out
from deeplab_tf.data.paths import DataError, checked_name
from deeplab_tf.evaluation.beam import storage
from deeplab_tf.evaluation.beam.image_ref import InputImages, PathsPart
from deeplab_tf.evaluation.beam.listed_images import ListedImages
from deeplab_tf.evaluation.beam.parquet_images import ENDING, ParquetImages
from deeplab_tf.evaluation.prediction_jobs import find_images, plan_jobs


class FolderImages:
    """The images of a folder; see `InputImages`.

    Args:
        root: the folder.
        names: of the images below it.
    """

    def __init__(self, root: str, names: Sequence[str]):
        self._root, self.names = root, list(names)

    def part(self, start: int, stop: int) -> PathsPart:
        """Returns the images of a range of numbers."""
        return PathsPart(self._root, tuple(self.names[start:stop]))


def open_input(
    source: str, label_folder: str | None = None, log: Callable[[str], None] = print
) -> InputImages:
    """Opens the images of an input.

    Args:
        source: an image, a folder or a pattern; a text file with one path a line; or a Parquet
            file, a pattern of them or a folder whose name ends as theirs. A path or an address.
        label_folder: where a label PNG of every image is written; None where none is. Labels of
            an earlier run in it are no images.
        log: receives a line that counts and names files that are left out.

    Raises:
        ValueError: there are no images, a list or table is broken, names are unfit for files, or
            two images have one name or would write one label PNG.
    """
    images = _opened(source, label_folder, log)
    owners: dict[str, int] = {}
    for number, name in enumerate(images.names):
        checked_name(name, source)
        written = name if label_folder is None else label_name(name)
        first = owners.setdefault(written, number)
        if first != number:
            other = images.names[first]
            twice = f"{other} and {name} would both write {written}"
            raise DataError(f"{source}: {f'{name} is there twice' if other == name else twice}.")
    return images


def label_name(name: str) -> str:
    """Returns the name of the label PNG of an image.

    Example:
        >>> label_name("city/0001.jpg"), label_name("id.5")
        ('city/0001.png', 'id.5.png')
    """
    stem, ending = posixpath.splitext(name)
    return f"{stem if ending.lower() in IMAGE_ENDINGS else name}.png"


def _opened(source: str, label_folder: str | None, log: Callable[[str], None]) -> InputImages:
    location = storage.place(source)
    if location.lower().rstrip("/").endswith(ENDING):
        return ParquetImages(_parquet_files(location, source))
    is_image = posixpath.splitext(location)[1].lower() in IMAGE_ENDINGS
    if not is_image and _is_file(location):
        return ListedImages(location)
    if storage.is_address(location):
        return _stored_images(location)
    if label_folder is not None and not storage.is_address(label_folder):
        jobs = plan_jobs(source, label_folder, log)
        root = jobs[0].source.parents[jobs[0].depth]
        return FolderImages(os.path.abspath(root), [job.name for job in jobs])
    return _local_images(source, log)


def _is_file(location: str) -> bool:
    if storage.is_address(location):
        return not location.endswith("/") and storage.exists(location)
    return os.path.isfile(location)


def _parquet_files(location: str, source: str) -> list[str]:
    if _is_file(location):
        return [location]
    files = storage.find(location) or storage.find(storage.join(location, f"*{ENDING}"))
    if not files:
        raise DataError(f"{source}: no such file.")
    return files


def _local_images(source: str, log: Callable[[str], None]) -> FolderImages:
    root, (files, left_out) = find_images(source)
    what = describe_left_out(left_out, root)
    if not files:
        raise DataError(f"{source}: no images found{(what and f'; {what}') or ''}.")
    if what:
        log(f"{source}: {what}")
    return FolderImages(
        os.path.abspath(root), [file.relative_to(root).as_posix() for file in files]
    )


def _stored_images(location: str) -> FolderImages:
    """Finds the images of an object store; a name without a wildcard is an image or a folder."""
    if glob.has_magic(location):
        root = posixpath.dirname(location[: min(map(location.find, _wildcards(location)))])
        found = storage.find(location)
    elif storage.exists(location):
        root, found = storage.dirname(location), [location]
    else:
        root = location.rstrip("/")
        found = storage.find(f"{root}/**")
    names = [path.removeprefix(root).lstrip("/") for path in found]
    names = [name for name in names if _is_image(name)]
    if not names:
        raise DataError(f"{location}: no images found.")
    return FolderImages(root, names)


def _wildcards(pattern: str) -> list[str]:
    return [sign for sign in "*?[" if sign in pattern]


def _is_image(name: str) -> bool:
    path = Path(name)
    hidden = any(part.startswith(".") for part in path.parts)
    return not hidden and path.suffix.lower() in IMAGE_ENDINGS
