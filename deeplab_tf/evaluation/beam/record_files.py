"""Files of label records: TFRecord and Parquet."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from deeplab_tf.data.files import plain_reason
from deeplab_tf.data.paths import DataError, user_path
from deeplab_tf.evaluation.beam.beam_package import require_parquet
from deeplab_tf.evaluation.beam.label_record import LabelRecord

# Records of a row group of Parquet; they are in memory at once.
_GROUP = 64
# Key in a Parquet file's metadata.
_METADATA = b"deeplab_tf"


def _require_nothing() -> None:
    pass


class RecordFormat(NamedTuple):
    """A kind of files of label records.

    Attributes:
        write: writes records to a path, given a description of the whole, and returns nothing.
        read: yields the records of a path.
        require: raises an ImportError where a package is missing.
    """

    write: Callable[[Path, Iterable[LabelRecord], Mapping[str, Any]], None]
    read: Callable[[Path], Iterator[LabelRecord]]
    require: Callable[[], None] = _require_nothing


def read_label_records(path: str | os.PathLike) -> Iterator[LabelRecord]:
    """Reads a shard that `predict_beam.py` wrote, record by record.

    Args:
        path: a `.tfrecord` or `.parquet` file.

    Yields:
        The records in their order; `record.labels` are the labels.

    Raises:
        DataError: it is no such file; the message names it.
        ImportError: it is Parquet and pyarrow is not installed.
    """
    path = user_path(path)
    format = RECORD_FORMATS.get(path.suffix[1:])
    if format is None:
        raise DataError(f"{path}: neither .tfrecord nor .parquet.")
    format.require()
    return format.read(path)


# === TFRecord ===


def _write_tfrecord(
    path: Path, records: Iterable[LabelRecord], description: Mapping[str, Any]
) -> None:
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            features = tf.train.Features(feature=dict(map(_feature, record._asdict().items())))
            example = tf.train.Example(features=features)
            writer.write(example.SerializeToString(deterministic=True))


def _feature(item: tuple[str, Any]) -> tuple[str, tf.train.Feature]:
    key, value = item
    if key == "name":
        return key, tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))
    values = np.atleast_1d(value)
    if values.dtype.kind == "f":
        return key, tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return key, tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def _read_tfrecord(path: Path) -> Iterator[LabelRecord]:
    try:
        for serialized in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            features = tf.train.Example.FromString(serialized).features.feature
            yield LabelRecord(
                features["name"].bytes_list.value[0].decode(),
                features["height"].int64_list.value[0],
                features["width"].int64_list.value[0],
                np.array(features["run_labels"].int64_list.value, np.uint8),
                np.array(features["run_lengths"].int64_list.value, np.int32),
                np.array(features["class_shares"].float_list.value, np.float32),
                features["mean_confidence"].float_list.value[0],
            )
    except tf.errors.OpError as error:
        raise DataError(f"{path}: cannot be read ({plain_reason(error)}).") from None
    except (IndexError, OverflowError, ValueError, DecodeError) as error:
        raise DataError(f"{path}: not records of labels ({error}).") from None


# === Parquet ===


def _write_parquet(
    path: Path, records: Iterable[LabelRecord], description: Mapping[str, Any]
) -> None:
    import pyarrow
    import pyarrow.parquet

    schema = _schema({_METADATA: json.dumps(description).encode()})
    records = iter(records)
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        while group := list(itertools.islice(records, _GROUP)):
            rows = [record._asdict() for record in group]
            writer.write_table(pyarrow.Table.from_pylist(rows, schema))


def _schema(metadata: dict[bytes, bytes]) -> Any:
    import pyarrow as pa

    fields = [
        ("name", pa.string()),
        ("height", pa.int32()),
        ("width", pa.int32()),
        ("run_labels", pa.list_(pa.uint8())),
        ("run_lengths", pa.list_(pa.int32())),
        ("class_shares", pa.list_(pa.float32())),
        ("mean_confidence", pa.float32()),
    ]
    return pa.schema(fields, metadata)


def _read_parquet(path: Path) -> Iterator[LabelRecord]:
    import pyarrow
    import pyarrow.parquet

    try:
        with contextlib.closing(pyarrow.parquet.ParquetFile(path)) as file:
            for batch in file.iter_batches(_GROUP, columns=[*LabelRecord._fields]):
                for row in batch.to_pylist():
                    yield LabelRecord(
                        row["name"],
                        row["height"],
                        row["width"],
                        np.array(row["run_labels"], np.uint8),
                        np.array(row["run_lengths"], np.int32),
                        np.array(row["class_shares"], np.float32),
                        row["mean_confidence"],
                    )
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}).") from None
    except (KeyError, TypeError, OverflowError, pyarrow.ArrowException) as error:
        raise DataError(f"{path}: not records of labels ({error}).") from None


# Value of --format, and ending of the files.
RECORD_FORMATS = {
    "tfrecord": RecordFormat(_write_tfrecord, _read_tfrecord),
    "parquet": RecordFormat(_write_parquet, _read_parquet, require_parquet),
}
