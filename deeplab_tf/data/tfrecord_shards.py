"""Writes, indexes and verifies TFRecord shards."""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from deeplab_tf.data.example_checks import raise_report
from deeplab_tf.data.files import file_hash, whole_file
from deeplab_tf.data.paths import checked_name, user_path
from deeplab_tf.data.png import encode_label
from deeplab_tf.data.spec import DataError, DatasetSpec, Shard

# A record is its length (8 bytes), a checksum of it (4), the example, and its checksum (4).
_HEADER, _FOOTER = 12, 4


def encode_example(
    name: str, image: bytes, size: tuple[int, int], label: np.ndarray | None
) -> bytes:
    """Encodes an example as a record.

    Args:
        name: of the example; may hold sub-folders.
        image: the image's file.
        size: its height and width.
        label: uint8 ids ``[height, width]``, or None.

    Returns:
        The bytes of a ``tf.train.Example`` with the features ``image/filename``,
        ``image/height``, ``image/width``, ``image/encoded`` and, where there is a label,
        ``label/encoded``. Those that are small come first, so that opening reads only them.

    Raises:
        DataError: the name leaves its folder, see ``checked_name``.
    """
    checked_name(name, "image/filename")
    small = {
        "image/filename": tf.train.Feature(bytes_list=tf.train.BytesList(value=[name.encode()])),
        "image/height": tf.train.Feature(int64_list=tf.train.Int64List(value=[size[0]])),
        "image/width": tf.train.Feature(int64_list=tf.train.Int64List(value=[size[1]])),
    }
    large = {"image/encoded": image}
    if label is not None:
        large["label/encoded"] = encode_label(label)
    large = {
        key: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        for key, value in large.items()
    }
    # Two messages one after the other are read as one with the fields of both. Sorted keys make
    # the same file of the same examples.
    parts = [tf.train.Example(features=tf.train.Features(feature=f)) for f in (small, large)]
    return b"".join(part.SerializeToString(deterministic=True) for part in parts)


def write_shard(path: str | os.PathLike, examples: Iterable[bytes]) -> Shard:
    """Writes records to a file, which appears only when it is complete.

    Args:
        path: where to.
        examples: from ``encode_example``; an error of theirs leaves no file.

    Raises:
        OSError: the file cannot be written.
    """
    count = 0
    with whole_file(path) as temporary:
        with tf.io.TFRecordWriter(str(temporary)) as writer:
            for example in examples:
                writer.write(example)
                count += 1
        digest = file_hash(temporary)
    return Shard(Path(path).name, count, digest)


def verify_shards(folder: str | os.PathLike, progress: Callable = iter) -> int:
    """Compares every shard of a data set with what ``dataset.json`` says of it.

    Args:
        folder: the data set.
        progress: wraps the shards, such as ``tqdm``.

    Returns:
        The number of shards.

    Raises:
        DataError: one report of all that is wrong: missing, changed or miscounted shards.
    """
    folder = user_path(folder)
    spec = DatasetSpec.load(folder)
    if not spec.shards:
        raise DataError(f"{folder}: its dataset.json lists no shards.")
    problems = []
    for name, shards in spec.shards.items():
        total = sum(shard.examples for shard in shards)
        if spec.splits.get(name) != total:
            problems.append(
                f"split {name!r}: its shards hold {total} examples, not {spec.splits.get(name)}."
            )
    every = [shard for shards in spec.shards.values() for shard in shards]
    for shard in progress(every):
        try:
            index_shard(folder, shard)
            if file_hash(folder / shard.file) != shard.sha256:
                problems.append(f"{folder / shard.file}: changed (another SHA-256).")
        except DataError as error:
            problems.append(str(error))
    raise_report(f"{folder}: {{}} problem(s) found in {len(every)} shards", problems)
    return len(every)


class ShardEntry(NamedTuple):
    """The position of an example in its shard.

    Attributes:
        offset: first byte of its record.
        name: of the example.
    """

    offset: int
    name: str


def index_shard(folder: Path, shard: Shard) -> list[ShardEntry]:
    """Finds the examples of a shard; reads their names, no images.

    Args:
        folder: the data set.
        shard: what ``dataset.json`` says of the file.

    Raises:
        DataError: when the file is missing, cut off or holds another number of examples, or a
            name leaves its folder.
    """
    path = folder / checked_name(shard.file, folder)
    try:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            entries = list(_walk(data))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from None
    except (ValueError, struct.error, IndexError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cut off or no shard of examples ({error}).") from None
    for entry in entries:
        checked_name(entry.name, path)
    if len(entries) != shard.examples:
        raise DataError(f"{path}: {len(entries)} examples, but dataset.json says {shard.examples}.")
    return entries


def _walk(data: mmap.mmap) -> Iterator[ShardEntry]:
    offset = 0
    while offset < len(data):
        (length,) = struct.unpack_from("<Q", data, offset)
        start = offset + _HEADER
        if start + length + _FOOTER > len(data):
            raise ValueError(f"the record at byte {offset} is longer than the file")
        yield ShardEntry(offset, _read_name(data, start))
        offset = start + length + _FOOTER


def _read_name(data: mmap.mmap, start: int) -> str:
    """The name in the first part of an example, as ``encode_example`` writes it."""
    size, shift, at = 0, 0, start + 1  # behind the field's tag: its size, 7 bits a byte
    while True:
        byte = data[at]
        size |= (byte & 127) << shift
        shift, at = shift + 7, at + 1
        if byte < 128:
            break
        if shift > 63:  # of nothing but ones a number would be as long as the file
            raise ValueError(f"no example at byte {start}")
    try:
        example = tf.train.Example.FromString(data[start : at + size])
    except DecodeError as error:
        raise ValueError(f"no example at byte {start}") from error
    return example.features.feature["image/filename"].bytes_list.value[0].decode()
