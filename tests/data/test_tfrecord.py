import io
import json
import struct

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from deeplab_tf.data.augment import AugmentationPipeline
from deeplab_tf.data.convert import convert
from deeplab_tf.data.pipeline import evaluation_dataset, training_dataset
from deeplab_tf.data.spec import DataError, DatasetSpec
from deeplab_tf.data.split import naming_broken_files, open_split, require_labels
from deeplab_tf.data.tfrecord import TfrecordSplit
from deeplab_tf.data.tfrecord_shards import verify_shards
from deeplab_tf.data.voc_layout import VocSplit
from tests.data.archives import make_voc12
from tests.data.fakes import make_voc_folder


@pytest.fixture(scope="module")
def camvid(tmp_path_factory):
    """The same images as a folder and as shards of at most two examples."""
    root = tmp_path_factory.mktemp("camvid")
    folder = make_voc_folder(root / "folder", examples=7, num_classes=11)
    convert("camvid", folder, root / "shards", processes=1, examples_per_shard=2)
    return folder, root / "shards"


@pytest.fixture
def shards(camvid, tmp_path):
    """A copy that a test may damage."""
    for path in camvid[1].glob("*.*"):
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def first_shard(folder):
    return folder / "train-00000-of-00004.tfrecord"


def test_open_split_recognises_shards(camvid):
    assert isinstance(open_split(camvid[1], "val"), TfrecordSplit)
    assert isinstance(open_split(camvid[0], "val"), VocSplit)


def test_examples_are_those_of_the_folder(camvid):
    folder, shards = (open_split(data, "train") for data in camvid)
    assert shards.names == folder.names and len(shards) == 7
    shards.check()
    load = tf.function(shards.load)
    for i in (6, 0, 3):
        expected, found = folder.load(tf.constant(i, tf.int64)), load(tf.constant(i, tf.int64))
        for key in ("image", "label", "name"):
            assert found[key].dtype == expected[key].dtype
            np.testing.assert_array_equal(found[key], expected[key])


@pytest.mark.slow
def test_training_sees_the_same_batches(camvid):
    folder, shards = (
        training_dataset(
            open_split(data, "train"), AugmentationPipeline("scale(0.5|1|1.5)|crop(17)|mirror"),
            (1.0, 2.0, 3.0),
            micro_batch=2, iter_size=2, seed=5, start_step=1, steps=5,
        )
        for data in camvid
    )  # fmt: skip
    pairs = list(zip(folder, shards, strict=True))
    assert len(pairs) == 5
    for expected, found in pairs:
        for key in ("images", "labels", "seeds"):
            np.testing.assert_array_equal(found[key], expected[key])


def test_features_are_the_documented_ones(camvid):
    folder, shards = camvid
    spec, found = DatasetSpec.load(shards), []
    for shard in spec.shards["train"]:
        records = list(tf.data.TFRecordDataset(str(shards / shard.file)).as_numpy_iterator())
        assert len(records) == shard.examples
        found += [tf.train.Example.FromString(record).features.feature for record in records]
    assert len(found) == spec.splits["train"] == 7
    for feature, name in zip(found, open_split(folder, "train").names, strict=True):
        assert set(feature) == {
            "image/encoded", "image/filename", "image/height", "image/width", "label/encoded",
        }  # fmt: skip
        assert feature["image/filename"].bytes_list.value[0].decode() == name
        image = folder / f"JPEGImages/{name}.jpg"
        assert feature["image/encoded"].bytes_list.value[0] == image.read_bytes()
        label = Image.open(io.BytesIO(feature["label/encoded"].bytes_list.value[0]))
        assert label.mode == "L"
        expected = np.array(Image.open(folder / f"SegmentationClass/{name}.png"))
        np.testing.assert_array_equal(np.array(label), expected)
        size = feature["image/height"].int64_list.value[0], feature["image/width"].int64_list.value
        assert (size[0], size[1][0]) == expected.shape


def test_a_test_split_has_no_labels(tmp_path):
    make_voc12(tmp_path)
    convert("voc12", tmp_path, tmp_path / "out", processes=1)
    split = open_split(tmp_path / "out", "test")
    assert not split.labelled and open_split(tmp_path / "out", "val").labelled
    split.check()
    examples = list(evaluation_dataset(split))
    assert [e["name"].numpy().decode() for e in examples] == ["2007_000007", "2007_000008"]
    assert all((e["label"].numpy() == 255).all() for e in examples)
    assert all(e["label"].shape == e["image"].shape[:2] for e in examples)
    with pytest.raises(DataError, match="'test' of 'voc12' has no labels"):
        require_labels(split)


def test_unknown_splits_name_the_known_ones(camvid):
    with pytest.raises(DataError, match=r"no split 'test'. Splits of this data set: train, val"):
        open_split(camvid[1], "test")


def flip_a_byte(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_a_changed_shard_is_found(shards):
    flip_a_byte(shards / "train-00001-of-00004.tfrecord", at=-100)
    split = open_split(shards, "train")
    with pytest.raises(DataError, match=r"1 problem.*\n.*-00001-of-00004\.tfrecord, pic_2: broken"):
        split.check()
    with pytest.raises(DataError, match="pic_2"), naming_broken_files(split):
        list(evaluation_dataset(split))
    with pytest.raises(DataError, match=r"1 problem.*\n.*tfrecord: changed \(another SHA-256"):
        verify_shards(shards)


def test_a_changed_first_example_stops_the_opening(shards):
    flip_a_byte(first_shard(shards), at=150)
    with pytest.raises(DataError, match=r"-00000-of-00004\.tfrecord, pic_0: broken \(corrupted"):
        open_split(shards, "train")


def record(content):
    """A record as the file has it, with wrong checksums."""
    return struct.pack("<Q", len(content)) + bytes(4) + content + bytes(4)


def named(name):
    """The first part of an example."""
    value = tf.train.Feature(bytes_list=tf.train.BytesList(value=[name]))
    features = tf.train.Features(feature={"image/filename": value})
    return tf.train.Example(features=features).SerializeToString()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), "cannot be read"),
        (lambda path: path.write_bytes(b""), "cut off or no shard"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "longer than the file"),
        (lambda path: path.write_bytes(b"no shard of examples"), "cut off or no shard"),
        (lambda path: path.write_bytes(record(b"\n\2??")), "no example at byte 12"),
        (lambda path: path.write_bytes(record(b"\n" + b"\xff" * 10**6)), "no example at byte 12"),
        (lambda path: path.write_bytes(record(b"\n\0")), "no shard of examples"),
        (lambda path: path.write_bytes(record(named(b"\xff"))), "no shard of examples"),
        (
            lambda path: path.write_bytes((path.parent / "val-00000-of-00001.tfrecord")
                                          .read_bytes() * 2),
            "4 examples, but dataset.json says",
        ),
    ],
)  # fmt: skip
def test_opening_refuses_a_shard_that_is_not_whole(shards, damage, message):
    damage(first_shard(shards))
    pattern = rf"train-00000-of-00004\.tfrecord: .*{message}"
    with pytest.raises(DataError, match=pattern):
        open_split(shards, "train")
    with pytest.raises(DataError, match=pattern):
        verify_shards(shards)


def test_verify_counts(shards):
    assert verify_shards(shards) == 5
    text = (shards / "dataset.json").read_text()
    (shards / "dataset.json").write_text(text.replace('"examples": 7', '"examples": 8'))
    with pytest.raises(DataError, match=r"split 'train': its shards hold 7 examples, not 8"):
        verify_shards(shards)


def test_verify_names_a_split_without_a_count(shards):
    values = json.loads((shards / "dataset.json").read_text())
    del values["splits"]["train"]["examples"]
    (shards / "dataset.json").write_text(json.dumps(values))
    with pytest.raises(DataError, match=r"split 'train': its shards hold 7 examples, not None"):
        verify_shards(shards)


def test_verify_needs_shards(camvid):
    with pytest.raises(DataError, match="lists no shards"):
        verify_shards(camvid[0])
