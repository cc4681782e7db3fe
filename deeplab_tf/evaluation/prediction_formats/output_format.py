"""What a format of predictions is: one file for every image, or one for all of them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.evaluation.prediction_formats.labelled_image import LabelledImage

# What a format can need of the predictor; each brings those before it.
NEEDS = ("labels", "confidence", "probabilities")


class ImageFormat(NamedTuple):
    """A format with one file for every image.

    Attributes:
        output: what is written, for the help of the program.
        ending: of the file's name, behind the image's name without its own ending.
        encode: the bytes of the file.
        is_own: tells whether an existing file was written by this format.
        needs: one of `NEEDS`.
        packages: that must be installed, of the extra `annotations`.
    """

    output: str
    ending: str
    encode: Callable[[LabelledImage], bytes]
    is_own: Callable[[Path], bool]
    needs: str = "labels"
    packages: tuple[str, ...] = ()


class OpenFolderFile(Protocol):
    """A file of all images while these are labelled."""

    def add(self, image: LabelledImage) -> None:
        """Adds an image; saves the file from time to time."""

    def save(self) -> None:
        """Writes the file as a whole."""


class FolderFormat(NamedTuple):
    """A format with one file for all images.

    Attributes:
        output: what is written, for the help of the program.
        file_name: of the file, in the output folder.
        start: opens the file at a path, for a data set, with what it holds (True) or empty.
        names: the images that an existing file holds.
        is_own: tells whether an existing file was written by this format.
        needs: one of `NEEDS`.
        packages: that must be installed, of the extra `annotations`.
    """

    output: str
    file_name: str
    start: Callable[[Path, DatasetSpec, bool], OpenFolderFile]
    names: Callable[[Path], set[str]]
    is_own: Callable[[Path], bool]
    needs: str = "labels"
    packages: tuple[str, ...] = ()


def require_packages(name: str, packages: Sequence[str]) -> None:
    """Raises an ImportError that names the extra where a format's packages are missing.

    Args:
        name: of the format.
        packages: as they are imported.
    """
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    if missing:
        raise ImportError(
            f"--format={name} needs {' and '.join(missing)}: pip install 'deeplab_tf[annotations]'"
        )
