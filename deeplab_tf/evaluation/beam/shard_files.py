"""The names of what a run writes, and what of it is there."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from deeplab_tf.data.own_files import PREDICTION, check_outputs, has_png_mark, is_png_of
from deeplab_tf.evaluation.beam import storage
from deeplab_tf.evaluation.beam.dead_letters import are_dead_letters
from deeplab_tf.evaluation.beam.input_images import label_name
from deeplab_tf.evaluation.beam.run_description import is_description

PNG = "png"
_SHARD = "-{:05}-of-{:05}"
_OF_A_SHARD = r"-\d{5,}-of-\d{5,}"
_LETTERS = "dead_letters"


class ShardFiles(NamedTuple):
    """What a run writes.

    Attributes:
        output: the folder of label PNGs, or how the paths of shards of records begin.
        format: `png`, or a row of `RECORD_FORMATS`.
        shards: number of shards.
    """

    output: str
    format: str
    shards: int

    def for_workers(self) -> ShardFiles:
        """Returns the same files for processes that may run in another folder."""
        return self._replace(output=storage.place(self.output))

    def label_png(self, name: str) -> str:
        """Returns the label PNG of an image."""
        return storage.join(self.output, label_name(name))

    def records(self, number: int) -> str:
        """Returns the file of a shard of records, whose number counts from 0."""
        return f"{self.output}{_SHARD.format(number, self.shards)}.{self.format}"

    def dead_letters(self, number: int) -> str:
        """Returns the file of the dead letters of a shard."""
        return f"{self._letters}{_SHARD.format(number, self.shards)}.jsonl"

    @property
    def description(self) -> str:
        """The file that says what shards of records hold."""
        return f"{self.output}.json"

    @property
    def _letters(self) -> str:
        if self.format == PNG:
            return storage.join(self.output, _LETTERS)
        return f"{self.output}-{_LETTERS}"

    @property
    def all_dead_letters(self) -> str:
        """A pattern of the files of dead letters, for people."""
        return f"{self._letters}-*.jsonl"

    def earlier(self) -> list[str]:
        """Returns files of shards, of this number of shards or another."""
        begins = [self._letters] if self.format == PNG else [self._letters, self.output]
        ending = "jsonl" if self.format == PNG else rf"(jsonl|{self.format})"
        found = []
        for begin in begins:
            pattern = re.compile(rf"{re.escape(begin)}{_OF_A_SHARD}\.{ending}")
            found += [f for f in _beginning_with(begin) if pattern.fullmatch(f)]
        return found


def is_own_label(path: str) -> bool:
    """Returns whether a file is there and a label PNG of ours."""
    return has_png_mark(storage.read_head(path), PREDICTION)


def check_files(files: ShardFiles, names: Iterable[str], resume: bool, overwrite: bool) -> None:
    """Raises before any work where a file of others would be replaced, or a whole shard of ours.

    Args:
        files: that are going to be written.
        names: of the images.
        resume: whether what is there stays.
        overwrite: whether any file may be replaced.

    Raises:
        ValueError: the message names what is there.
        OSError: a folder cannot be written into.
    """
    if storage.is_address(files.output):
        owners: dict[Path, Callable[[Path], bool]] = {}
    else:
        owners = dict(_owners(files, names))
    check_outputs(owners, overwrite)
    if overwrite or resume:
        return
    if files.format != PNG:
        there = [path for path in files.earlier() if path.endswith(f".{files.format}")]
    elif storage.is_address(files.output):
        found = set(_beginning_with(storage.join(files.output, "")))
        there = sorted(found.intersection(map(files.label_png, names)))
    else:
        there = []  # labels of ours are replaced, as predict.py does
    if there:
        raise ValueError(
            f"{there[0]} is there, of an earlier run ({len(there)} such files). Give --resume to "
            "keep them and go on, --overwrite to label all images again, or another --output."
        )


def _owners(
    files: ShardFiles, names: Iterable[str]
) -> Iterator[tuple[Path, Callable[[Path], bool]]]:
    for number in range(files.shards):
        yield Path(files.dead_letters(number)), are_dead_letters
    if files.format == PNG:
        for name in names:
            yield Path(files.label_png(name)), is_png_of(PREDICTION)
    else:
        is_described = is_description(Path(files.description))
        yield Path(files.description), is_description
        for number in range(files.shards):
            yield Path(files.records(number)), lambda _: is_described


def _beginning_with(begin: str) -> list[str]:
    """Returns the files in the folder of a path, or deeper, whose paths begin as it does."""
    if storage.is_address(begin):
        return [
            path for path in storage.find(f"{storage.dirname(begin)}/**") if path.startswith(begin)
        ]
    folder = os.path.dirname(begin)
    names = os.listdir(folder or ".") if os.path.isdir(folder or ".") else []
    return sorted(path for name in names if (path := os.path.join(folder, name)).startswith(begin))
