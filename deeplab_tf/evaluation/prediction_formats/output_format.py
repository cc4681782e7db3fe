"""What a format of predictions is: one file for every image, or one for all of them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.evaluation.prediction_formats.labelled_image import LabelledImage

# What a format can need of the predictor; each brings those before it.
NEEDS = ("labels", "confidence", "probabilities")


class FileFormat(NamedTuple):
    """A format with one file for every file that is labelled.

    Attributes:
        output: what is written, for people.
        ending: of the file's name, behind the labelled file's name without its own ending.
        is_own: tells whether an existing file was written in this format.
        encode: the bytes of the file from an image; None where they are written bit by bit.
        needs: one of `NEEDS`.
        packages: that must be installed.
        extra: of this package, that brings them.
    """

    output: str
    ending: str
    is_own: Callable[[Path], bool]
    encode: Callable[[LabelledImage], bytes] | None = None
    needs: str = "labels"
    packages: tuple[str, ...] = ()
    extra: str = "annotations"


class OpenFolderFile(Protocol):
    """A file of all images while these are labelled."""

    def add(self, image: LabelledImage) -> None:
        """Adds an image; saves the file from time to time."""

    def save(self) -> None:
        """Writes the file as a whole."""


class FolderFormat(NamedTuple):
    """A format with one file for all images.

    Attributes:
        output: what is written, for people.
        file_name: of the file, in the output folder.
        is_own: tells whether an existing file was written in this format.
        start: opens the file at a path, for a data set, with what it holds (True) or empty.
        names: the images that an existing file holds.
        needs: one of `NEEDS`.
        packages: that must be installed.
        extra: of this package, that brings them.
    """

    output: str
    file_name: str
    is_own: Callable[[Path], bool]
    start: Callable[[Path, DatasetSpec, bool], OpenFolderFile]
    names: Callable[[Path], set[str]]
    needs: str = "labels"
    packages: tuple[str, ...] = ()
    extra: str = "annotations"


def require_packages(name: str, row: FileFormat | FolderFormat) -> None:
    """Raises an ImportError that names the extra where a format's packages are missing.

    Args:
        name: of the format.
        row: what describes it.
    """
    missing = [package for package in row.packages if importlib.util.find_spec(package) is None]
    if missing:
        raise ImportError(
            f"--format={name} needs {' and '.join(missing)}: pip install 'deeplab_tf[{row.extra}]'"
        )
