"""The units of work of a conversion: which examples go into which shard, and writing one."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from deeplab_tf.data.example_checks import Label, inspect_example
from deeplab_tf.data.files import file_hash, write_atomically
from deeplab_tf.data.image import fitting_pixels, is_jpeg_or_png
from deeplab_tf.data.json_file import read_json
from deeplab_tf.data.sources import Item, Source
from deeplab_tf.data.spec import DataError, Shard
from deeplab_tf.data.tfrecord_shards import encode_example, write_shard

FINISHED = ".finished"
# Counts up when the same files would give other shards.
_VERSION = 1


@dataclasses.dataclass(frozen=True)
class ShardTask:
    """A shard to be written; two tasks are equal when they would write the same file.

    Attributes:
        split: name of the split.
        path: the shard's file.
        fingerprint: changes with the examples, their files and the way they are read.
        archive: where the examples come from, without its splits.
        items: the examples.
    """

    split: str
    path: Path
    fingerprint: str
    archive: Source = dataclasses.field(compare=False)
    items: Sequence[Item] = dataclasses.field(compare=False)

    @property
    def record(self) -> Path:
        """The file that says what a finished shard was made from."""
        return self.path.parent / FINISHED / f"{self.path.name}.json"


def plan_shards(archive: Source, output: Path, examples_per_shard: int) -> list[ShardTask]:
    """Distributes the examples of an archive evenly over shards.

    Args:
        archive: the examples.
        output: folder of the shards.
        examples_per_shard: at most so many are in one file.
    """
    tasks = []
    for split, items in archive.splits.items():
        count = -(-len(items) // examples_per_shard)
        bounds = [i * len(items) // count for i in range(count + 1)]
        bare = dataclasses.replace(archive, splits={})
        for number in range(count):
            chosen = list(items[bounds[number] : bounds[number + 1]])
            path = output / f"{split}-{number:05d}-of-{count:05d}.tfrecord"
            tasks.append(ShardTask(split, path, _fingerprint(archive, chosen), bare, chosen))
    return tasks


def _fingerprint(archive: Source, items: Sequence[Item]) -> str:
    """Hashes the examples of a shard, their files and the way they are read."""
    reader = archive.draw or archive.read_label
    values: list = [
        _VERSION,
        archive.spec.to_dict(),
        [str(getattr(reader, name, "")) for name in ("args", "keywords")],
        [[item.name, _stamp(item.image), _label_stamp(item)] for item in items],
    ]
    if archive.draw:
        values.append(archive.line_width)
    if archive.new_ids:
        values.append(sorted(archive.new_ids.items()))
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()


def _label_stamp(item: Item) -> Any:
    """What changes with the label of an example."""
    return _stamp(item.label) if item.entries is None else [_stamp(item.label), item.entries]


def _stamp(path: Path | None) -> tuple[int, int] | None:
    try:
        status = os.stat(path) if path else None
    except OSError:
        return None
    return status and (status.st_size, status.st_mtime_ns)


def finished_shard(task: ShardTask) -> Shard | None:
    """Returns the shard of an earlier run if it is complete and made of the same examples."""
    try:
        record = read_json(task.record)
        shard = Shard(**record["shard"])
        same = record["fingerprint"] == task.fingerprint and file_hash(task.path) == shard.sha256
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return shard if same else None


def make_shard(task: ShardTask) -> tuple[ShardTask, tuple[Shard | None, list[str]]]:
    """Writes one shard; runs in a process of its own.

    Args:
        task: what to write.

    Returns:
        The task, and the shard, or None and the problems of its examples.
    """
    problems: list[str] = []
    try:
        shard = write_shard(task.path, _records(task, problems))
    except DataError as error:
        return task, (None, problems or [str(error)])
    record = {"fingerprint": task.fingerprint, "shard": shard._asdict()}
    write_atomically(task.record, json.dumps(record).encode())
    return task, (shard, [])


def _records(task: ShardTask, problems: list[str]) -> Iterator[bytes]:
    for item in task.items:
        image, label = partial(_read_image, task.archive, item), None
        if item.label is not None:
            where = "" if item.entries is None else f", image {item.name!r}"
            label = Label(f"{item.label}{where}", partial(task.archive.label_ids, item))
        found, pixels, ids = inspect_example(image, label, task.archive.spec)
        problems += found
        if not problems:
            assert pixels is not None  # else there is a problem
            labels = None if ids is None else ids.astype(np.uint8)
            contents = _stored(task.archive.image_bytes(item.image), pixels)
            yield encode_example(item.name, contents, pixels.shape[:2], labels)
    if problems:
        raise DataError("The shard would not be whole.")


def _read_image(archive: Source, item: Item, label_size: tuple[int, ...] | None) -> np.ndarray:
    contents = archive.image_bytes(item.image)
    return fitting_pixels(contents, str(item.image), label_size, any_format=True)


def _stored(contents: bytes, pixels: np.ndarray) -> bytes:
    """Returns an image's file as it came or, where no graph decodes it, as a PNG."""
    return contents if is_jpeg_or_png(contents) else tf.io.encode_png(pixels).numpy()
