"""Writes predictions for the evaluation servers of PASCAL VOC and Cityscapes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from deeplab_tf.data.files import write_atomically
from deeplab_tf.data.own_files import PREDICTION, is_png_of
from deeplab_tf.data.paths import checked_name, user_path
from deeplab_tf.data.png import encode_label
from deeplab_tf.data.sources.cityscapes import LABEL_IDS
from deeplab_tf.data.spec import DataError, DatasetSpec, palette_bytes
from deeplab_tf.evaluation.evaluate import EvaluatedImage


class _Format(NamedTuple):
    folder: str
    ending: str
    encode: Callable[[np.ndarray, DatasetSpec], bytes]


def _indexed(labels: np.ndarray, spec: DatasetSpec) -> bytes:
    return encode_label(labels, palette_bytes(spec), PREDICTION)


def _cityscapes_ids(labels: np.ndarray, spec: DatasetSpec) -> bytes:
    return encode_label(np.array(LABEL_IDS, np.uint8)[labels], mark=PREDICTION)


_FORMATS = {
    "voc": _Format("results/VOC2012/Segmentation/comp6_test_cls", ".png", _indexed),
    "cityscapes": _Format("results/Cityscapes", "_labelIds.png", _cityscapes_ids),
}


class SubmissionWriter:
    """Writes one PNG for each image, as large as the image, in the layout of a server.

    It is a callback of `evaluate`.

    VOC: indexed PNGs with the data set's palette. Cityscapes: grey PNGs of label ids (0..33,
    not the training ids that the network tells apart).

    Args:
        form: `"voc"` or `"cityscapes"`.
        spec: the data set.
        output: folder to create `results/` in.

    Attributes:
        folder: where the PNGs are.

    Raises:
        DataError: the data set does not have the classes of Cityscapes, which the ids are of.

    Example:
        >>> import tempfile
        >>> from deeplab_tf.data.sources.voc12 import SPEC
        >>> save = SubmissionWriter("voc", SPEC, tempfile.mkdtemp())
        >>> prediction = np.zeros([4, 5], np.uint8)
        >>> save(EvaluatedImage("2008_000006", image=None, label=None, predictions=[prediction]))
        >>> [path.name for path in save.folder.iterdir()]
        ['2008_000006.png']
    """

    def __init__(self, form: str, spec: DatasetSpec, output: str | os.PathLike):
        if form == "cityscapes" and spec.num_classes != len(LABEL_IDS):
            raise DataError(
                f"A submission to Cityscapes needs its {len(LABEL_IDS)} classes. "
                f"Received: {spec.name!r} with {spec.num_classes}."
            )
        self._format, self._spec = _FORMATS[form], spec
        self.folder = user_path(output) / self._format.folder

    def owners(self, names: Iterable[str]) -> dict[Path, Callable[[Path], bool]]:
        """Returns the files that are written for images, as `check_outputs` takes them.

        Args:
            names: of the images.

        Raises:
            DataError: a name leaves the folder.
        """
        return {self._file(name): is_png_of(PREDICTION) for name in names}

    def _file(self, name: str) -> Path:
        return self.folder / f"{checked_name(name, 'split')}{self._format.ending}"

    def __call__(self, image: EvaluatedImage) -> None:
        """Writes an image's last prediction; replaces what is there."""
        file = self._file(image.name)
        write_atomically(file, self._format.encode(image.predictions[-1], self._spec))
