import json

import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.data.paths import DataError
from deeplab_tf.evaluation.beam import beam_package
from deeplab_tf.evaluation.beam.record_files import RECORD_FORMATS, read_label_records
from tests.evaluation.beam.records import assert_same, random_records


def write(format, folder, count=5, description=None):
    file = folder / f"a.{format}"
    RECORD_FORMATS[format].write(file, random_records(count), description or {})
    return file


@pytest.mark.parametrize("count", [0, 1, 70])
def test_tfrecord_gives_the_records_back(tmp_path, count):
    found = list(read_label_records(write("tfrecord", tmp_path, count)))
    assert_same(found, list(random_records(count)))


@pytest.mark.parametrize("count", [0, 1, 70])
def test_parquet_gives_the_records_back(tmp_path, count):
    found = list(read_label_records(write("parquet", tmp_path, count)))
    assert_same(found, list(random_records(count)))


def test_tfrecord_is_read_with_tensorflow_alone(tmp_path):
    """As docs/beam.md has the features."""
    dataset = tf.data.TFRecordDataset(str(write("tfrecord", tmp_path)))
    features = {
        "name": tf.io.FixedLenFeature([], tf.string),
        "height": tf.io.FixedLenFeature([], tf.int64),
        "width": tf.io.FixedLenFeature([], tf.int64),
        "run_labels": tf.io.RaggedFeature(tf.int64),
        "run_lengths": tf.io.RaggedFeature(tf.int64),
        "class_shares": tf.io.FixedLenFeature([3], tf.float32),
        "mean_confidence": tf.io.FixedLenFeature([], tf.float32),
    }
    parsed = [tf.io.parse_single_example(example, features) for example in dataset]
    for one, record in zip(parsed, random_records(5), strict=True):
        labels = tf.repeat(one["run_labels"], one["run_lengths"])
        labels = tf.reshape(labels, [one["height"], one["width"]])
        np.testing.assert_array_equal(labels, record.labels)
        assert one["name"].numpy().decode() == record.name
        np.testing.assert_array_equal(one["class_shares"], record.class_shares)


def test_parquet_has_plain_columns_and_the_description(tmp_path):
    import pyarrow.parquet

    file = write("parquet", tmp_path, description={"class_names": ["a", "ü"]})
    table = pyarrow.parquet.read_table(file)
    assert [str(field.type) for field in table.schema] == [
        "string", "int32", "int32", "list<element: uint8>", "list<element: int32>",
        "list<element: float>", "float",
    ]  # fmt: skip
    assert json.loads(table.schema.metadata[b"deeplab_tf"]) == {"class_names": ["a", "ü"]}
    for row, record in zip(table.to_pylist(), random_records(5), strict=True):
        labels = np.repeat(row["run_labels"], row["run_lengths"])
        labels = labels.reshape(row["height"], row["width"])
        np.testing.assert_array_equal(labels, record.labels)


def test_other_files_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"a\.txt: neither \.tfrecord nor \.parquet"):
        read_label_records(tmp_path / "a.txt")
    with pytest.raises(DataError, match=r"none\.tfrecord: cannot be read"):
        list(read_label_records(tmp_path / "none.tfrecord"))
    file = write("tfrecord", tmp_path)
    file.write_bytes(file.read_bytes()[:-5])
    with pytest.raises(DataError, match=r"a\.tfrecord: cannot be read"):
        list(read_label_records(file))


@pytest.mark.parametrize("content", [b"no example", b""])
def test_other_records_are_refused(tmp_path, content):
    file = tmp_path / "a.tfrecord"
    with tf.io.TFRecordWriter(str(file)) as writer:
        writer.write(content)
    with pytest.raises(DataError, match=r"a\.tfrecord: not records of labels"):
        list(read_label_records(file))


def test_other_parquet_is_refused(tmp_path):
    import pyarrow
    import pyarrow.parquet

    (tmp_path / "a.parquet").write_text("mine")
    pyarrow.parquet.write_table(pyarrow.table({"name": ["a"]}), tmp_path / "b.parquet")
    for name, message in (("a", "not records"), ("b", "not records"), ("none", "cannot be read")):
        with pytest.raises(DataError, match=rf"{name}\.parquet: {message}"):
            list(read_label_records(tmp_path / f"{name}.parquet"))


def test_without_pyarrow_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(beam_package.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'deeplab_tf\[beam\]'"):
        read_label_records("a.parquet")
