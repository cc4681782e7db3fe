"""The interface of data set splits, and how one is opened by name."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import tensorflow as tf

from deeplab_tf.data.spec import DataError, DatasetSpec
from deeplab_tf.data.synthetic import SYNTHETIC, SyntheticSplit, synthetic_spec
from deeplab_tf.data.tfrecord import TfrecordSplit
from deeplab_tf.data.voc_layout import VocSplit

_READ_ERRORS = (
    tf.errors.InvalidArgumentError, tf.errors.NotFoundError, tf.errors.DataLossError
)  # fmt: skip


class Split(Protocol):
    """One split of a data set: examples that are read by their number.

    Attributes:
        spec: the data set's description.
        split: its name.
        names: name of every example in canonical order, unique; it may hold sub-folders.
        labelled: whether the examples have labels; without, all pixels are void.
    """

    spec: DatasetSpec
    split: str
    names: list[str]
    labelled: bool

    def __len__(self) -> int:
        """Number of examples."""

    def load(self, index: tf.Tensor) -> dict[str, tf.Tensor]:
        """Reads one example inside a graph.

        Args:
            index: int64 scalar, position in ``names``.

        Returns:
            ``image`` uint8 ``[height, width, 3]``, ``label`` int32 ``[height, width]`` and
            ``name`` string scalar.

        Raises:
            tf.errors.InvalidArgumentError: when label and image do not fit each other or an
                id is no class; the message names the file.
        """

    def check(self, limit: int | None = None) -> None:
        """Validates the examples and raises one `DataError` that lists all that is wrong.

        Args:
            limit: check so many examples only, spread evenly over the split.
        """


@runtime_checkable
class EncodedSplit(Split, Protocol):
    """A split whose examples are stored as files, so that a part of one can be decoded."""

    def read(self, index: tf.Tensor) -> dict[str, tf.Tensor]:
        """Reads the bytes of one example inside a graph.

        Args:
            index: int64 scalar, position in ``names``.

        Returns:
            String scalars: ``name``, ``image`` (a JPEG or PNG), ``label`` (a PNG of ids), and
            ``image_file`` and ``label_file``, what error messages call the two. Those of the
            label are missing where the split is not labelled.
        """


def open_split(data_dir: str | os.PathLike, split: str) -> Split:
    """Opens a split of a data set.

    Args:
        data_dir: a folder in PASCAL VOC layout or of TFRecord shards, or ``"synthetic"``.
        split: such as ``"train"`` or ``"val"``.

    Raises:
        DataError: when there is no such data set or split; the message names those there are.

    Example:
        >>> split = open_split("synthetic", "val")
        >>> len(split), split.spec.class_names[0]
        (60, 'background')
    """
    if str(data_dir) == SYNTHETIC:
        return SyntheticSplit(split)
    kind = TfrecordSplit if DatasetSpec.load(data_dir).shards else VocSplit
    return kind(data_dir, split)


def open_spec(data_dir: str | os.PathLike) -> DatasetSpec:
    """Reads the description of a data set, none of its images.

    Args:
        data_dir: as for ``open_split``.
    """
    if str(data_dir) == SYNTHETIC:
        return synthetic_spec()
    return DatasetSpec.load(data_dir)


def require_labels(split: Split) -> None:
    """Raises if a split has no labels.

    Raises:
        DataError: when the split is not labelled.
    """
    if not split.labelled:
        raise DataError(
            f"The split {split.split!r} of {split.spec.name!r} has no labels: it can be predicted "
            "(evaluate.py --submission), but neither evaluated nor trained on."
        )


@contextlib.contextmanager
def naming_broken_files(split: Split) -> Iterator[None]:
    """Adds the names of broken files to errors of a decoder.

    Wrap the loop over a data set in it. The split is checked only after an error.

    Raises:
        DataError: when something is wrong with the split's files; any other error stays.
    """
    try:
        yield
    except _READ_ERRORS as error:
        try:
            split.check()
        except ValueError as found:
            raise found from error
        raise
