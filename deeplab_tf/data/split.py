"""The interface of data set splits, and how one is opened by name."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import tensorflow as tf

from deeplab_tf.data.paths import user_path
from deeplab_tf.data.spec import FILE_NAME, SYNTHETIC, DataError, DatasetSpec
from deeplab_tf.data.synthetic import SyntheticSplit, synthetic_spec
from deeplab_tf.data.tfrecord import TfrecordSplit
from deeplab_tf.data.voc_layout import LISTS, VocSplit

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


def other_splits(data_dir: str | os.PathLike, split: str) -> list[str]:
    """Returns the names of a data set's splits but for one.

    Args:
        data_dir: as for ``open_split``.
        split: the one.
    """
    names = set(open_spec(data_dir).splits)
    if str(data_dir) != SYNTHETIC:
        names |= {file.stem for file in (user_path(data_dir) / LISTS).glob("*.txt")}
    return sorted(names - {split})


def open_spec(data_dir: str | os.PathLike) -> DatasetSpec:
    """Reads the description of a data set, none of its images.

    Args:
        data_dir: as for ``open_split``.
    """
    if str(data_dir) == SYNTHETIC:
        return synthetic_spec()
    return DatasetSpec.load(data_dir)


def require_labels(split: Split) -> None:
    """Raises if a split has nothing to be learned or evaluated.

    Raises:
        DataError: when the split is not labelled, or its data set has a single class.
    """
    if not split.labelled:
        files = getattr(split, "label_paths", None)
        looked_for = (
            f" (none of its {len(files)} files is there, such as {files[0]})" if files else ""
        )
        raise DataError(
            f"The split {split.split!r} of {split.spec.name!r} has no labels{looked_for}: it can "
            "be predicted (evaluate.py --submission), but neither evaluated nor trained on."
        )
    if split.spec.num_classes == 1:
        name = split.spec.class_names[0]
        raise DataError(
            f"The data set {split.spec.name!r} has the one class {name!r}: every prediction is "
            "right, so that nothing is learned (loss 0, mIoU 100). Give what is not it a class of "
            f'its own: "class_names": ["background", "{name}"] in {FILE_NAME}, and labels with 0 '
            "for background and 1 for it."
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
