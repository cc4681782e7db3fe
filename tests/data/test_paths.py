"""Paths of people and names in data, each rule with every place that has to keep it."""

import os
import types
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import deeplab_tf
from deeplab_tf.crf import CrfParameters
from deeplab_tf.data.convert import convert
from deeplab_tf.data.files import file_hash
from deeplab_tf.data.image import read_image
from deeplab_tf.data.paths import checked_name, expand_path, without_wildcards
from deeplab_tf.data.png import read_label
from deeplab_tf.data.sources import open_source
from deeplab_tf.data.spec import DataError, DatasetSpec, Shard
from deeplab_tf.data.split import open_spec, open_split
from deeplab_tf.data.split_list import read_list
from deeplab_tf.data.synthetic import SyntheticSplit
from deeplab_tf.data.tfrecord import TfrecordSplit
from deeplab_tf.data.tfrecord_shards import encode_example, verify_shards
from deeplab_tf.data.voc_layout import VocSplit
from deeplab_tf.data.voc_writer import write_voc_layout
from deeplab_tf.evaluation.evaluate import EvaluatedImage
from deeplab_tf.evaluation.prediction_jobs import find_images, plan_jobs
from deeplab_tf.evaluation.report.compare import load_comparisons
from deeplab_tf.evaluation.submission import SubmissionWriter
from deeplab_tf.export import export_saved_model, onnx
from deeplab_tf.export.parity_images import verification_images
from deeplab_tf.export.saved_predictor import SavedPredictor
from deeplab_tf.models.loading import load_model
from deeplab_tf.training.workdir import Workdir
from deeplab_tf.tuning.cached_logits import CachedLogits
from deeplab_tf.tuning.resumable_search import search_folder
from deeplab_tf.tuning.run import tuning_owners
from deeplab_tf.weights.apply import load_into
from deeplab_tf.weights.keras_h5 import read_layers
from tests.data.archives import make_folder, make_voc12, save_image
from tests.data.fakes import make_voc_folder

# === Paths of people ===

SPEC = DatasetSpec("toy", ("background", "thing"))
NO_MODEL = types.SimpleNamespace(variables_by_name=dict)
NO_PREDICTOR = types.SimpleNamespace(crf=None, tile=None, whole_pixels=9)
ENTRIES = {
    "open_split": lambda path: open_split(path, "val"),
    "open_spec": open_spec,
    "VocSplit": lambda path: VocSplit(path, "val"),
    "TfrecordSplit": lambda path: TfrecordSplit(path, "val"),
    "DatasetSpec.load": DatasetSpec.load,
    "DatasetSpec.save": SPEC.save,
    "verify_shards": verify_shards,
    "convert, source": lambda path: convert("camvid", path, "out"),
    "convert, output": lambda path: convert("camvid", ".", path),
    "open_source": lambda path: open_source("folder", path),
    "write_voc_layout": lambda path: write_voc_layout(path, {"val": SyntheticSplit("val", 1)}),
    "read_upright": deeplab_tf.data.read_upright,
    "read_image": read_image,
    "read_label": read_label,
    "find_images": find_images,
    "plan_jobs, output": lambda path: plan_jobs(".", path),
    "verification_images": verification_images,
    "load": deeplab_tf.load,
    "load_model": load_model,
    "SavedPredictor": SavedPredictor,
    "load_into": lambda path: load_into(NO_MODEL, path),
    "read_layers": read_layers,
    "CrfParameters.load": CrfParameters.load,
    "load_comparisons": lambda path: load_comparisons([path], SPEC),
    "SubmissionWriter": lambda path: SubmissionWriter("voc", SPEC, path),
    "search_folder": lambda path: search_folder(
        path, __file__, ".", SyntheticSplit("val", 1), [], CrfParameters()
    ),
    "tuning_owners": tuning_owners,
    "export_saved_model": lambda path: export_saved_model(NO_PREDICTOR, path),
    "export_onnx": lambda path: onnx.export_onnx(NO_PREDICTOR, path),
    "Workdir": lambda path: Workdir(path, {}, SPEC),
}  # fmt: skip


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize(
    "path", ["gs://bucket/x", Path("gs://bucket/x"), "s3://b", "file:///tmp/x", "hdfs:/x"]
)
def test_addresses_are_refused_with_what_to_do(tmp_path, monkeypatch, entry, path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"an address, not a path.*(Mount|copy)"):
        ENTRIES[entry](path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("path", ["", " "])
def test_an_empty_path_is_refused(path):
    with pytest.raises(ValueError, match="A path is empty; give a file or a folder"):
        expand_path(path)


@pytest.mark.parametrize(
    "path",
    ["synthetic", "hed", "preset:NAME", "a/b:c", "C:x", "images/**/*.jpg", "a//b/", "x~", "./~/a"],
)
def test_other_paths_stay_as_they_are(path):
    assert expand_path(path) == path


def test_home_is_meant_wherever_a_path_is_taken(tmp_path, monkeypatch):
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    elsewhere.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(elsewhere)
    write_voc_layout("~/data", {"val": SyntheticSplit("val", 1)})
    assert (home / "data/dataset.json").is_file()
    assert open_split("~/data", "val").names == open_split(Path("~/data"), "val").names
    assert find_images("~/data/JPEGImages/*.png")[1].images == [
        home / "data/JPEGImages/val_0000.png"
    ]
    assert plan_jobs("~/data/JPEGImages", "~/labels")[0].target == home / "labels/val_0000.png"
    assert Workdir("~/run", {}, SPEC).path == home / "run"
    (home / "crf.json").write_text('{"iterations": 3}')
    assert CrfParameters.load("~/crf.json").iterations == 3
    for opener in (deeplab_tf.load, load_model, read_layers):
        with pytest.raises(ValueError, match=str(home / "none")):
            opener("~/none.h5")
    assert not list(elsewhere.iterdir())


def test_names_with_wildcards_are_names(tmp_path):
    folder = make_voc_folder(tmp_path / "run[1]" / "a*", num_classes=11)
    (tmp_path / "run1").mkdir()
    for data in (folder, tmp_path / "sh[2]?"):
        if data != folder:
            convert("camvid", folder, data, processes=1)
        split = open_split(data, "val")
        split.check()
        assert split.load(tf.constant(1, tf.int64))["image"].shape == (25, 31, 3)
    images = [folder / f"JPEGImages/pic_{i}.jpg" for i in range(5)]
    assert find_images(folder / "JPEGImages") == (folder / "JPEGImages", (images, []))
    assert find_images(f"{folder}/JPEG*/pic_[01].jpg") == (folder, (images[:2], []))
    literal = images[0].rename(folder / "JPEGImages/pic_[01].jpg")
    assert find_images(str(literal)) == (folder / "JPEGImages", ([literal], []))


def test_tensorflow_gets_a_path_without_wildcards(tmp_path):
    folder = tmp_path / "lr[0.01]"
    folder.mkdir()
    (folder / "file").write_text("x")
    with without_wildcards(folder) as plain:
        assert "[" not in plain and Path(plain, "file").read_text() == "x"
    assert (folder / "file").exists() and not os.path.lexists(plain)
    with without_wildcards(tmp_path) as same:
        assert same == str(tmp_path)


# === Names in data ===

ABOVE = ["../x", "a/../../x", "..", "a/..", "/etc/x", "//x", "..\\x", "a\\b", "C:/x", "c:x"]
UNREADABLE = ["", " ", "a\0b", "a\x1b[2J", "a\x7f", "a\x85b", "\udcff"]


@pytest.mark.parametrize("name", [*ABOVE, *UNREADABLE])
def test_a_name_must_lie_below_its_folder(name):
    with pytest.raises(DataError, match=r"list\.txt: the name .* such as 0001 or city/0001"):
        checked_name(name, "list.txt")


@pytest.mark.parametrize(
    "name", ["0001", "city/a.b", "..a", "a..b/c...", "a b", "Größe/写真", "aa:b", "~a"]
)
def test_other_names_are_names(name):
    assert checked_name(name, "list.txt") == name


def shard_with(folder, name):
    """A data set whose one example has a name that our writer refuses."""
    record = encode_example("placeholder", b"", (1, 1), None)
    example = tf.train.Example.FromString(record)
    example.features.feature["image/filename"].bytes_list.value[0] = name.encode()
    folder.mkdir()
    with tf.io.TFRecordWriter(str(folder / "val.tfrecord")) as writer:
        # As encode_example does: names in the first part.
        small = {k: v for k, v in example.features.feature.items() if k != "image/encoded"}
        large = {"image/encoded": example.features.feature["image/encoded"]}
        parts = (tf.train.Example(features=tf.train.Features(feature=f)) for f in (small, large))
        writer.write(b"".join(part.SerializeToString(deterministic=True) for part in parts))
    shard = Shard("val.tfrecord", 1, file_hash(folder / "val.tfrecord"))
    spec = DatasetSpec("toy", ("a", "b"), splits={"val": 1}, shards={"val": (shard,)})
    spec.save(folder)
    return folder


def listed(folder, name):
    make_voc_folder(folder, num_classes=11)
    (folder / "ImageSets/Segmentation/val.txt").write_text(f"pic_0\n{name}\n")
    return folder


def described(folder, name):
    """A data set whose dataset.json names a shard."""
    folder.mkdir()
    shard = Shard(name, 1, "0")
    DatasetSpec("toy", ("a", "b"), splits={"val": 1}, shards={"val": (shard,)}).save(folder)
    return folder


def archive(folder, name):
    make_voc12(folder)
    (folder / "VOCdevkit/VOC2012/ImageSets/Segmentation/train.txt").write_text(f"{name}\n")
    return folder


def with_split(folder, name):
    folder.mkdir()
    DatasetSpec("toy", ("a", "b"), splits={name: 1}).save(folder)
    return folder


READERS = {
    "list": lambda folder, name: open_split(listed(folder, name), "val"),
    "list of an archive": lambda folder, name: open_source("voc12", archive(folder, name)),
    "list to convert": lambda folder, name: convert("camvid", listed(folder, name), folder / "o"),
    "name in a shard": lambda folder, name: open_split(shard_with(folder, name), "val"),
    "name in a shard, verified": lambda folder, name: verify_shards(shard_with(folder, name)),
    "shard": lambda folder, name: open_split(described(folder, name), "val"),
    "shard, verified": lambda folder, name: verify_shards(described(folder, name)),
    "split in dataset.json": lambda folder, name: DatasetSpec.load(with_split(folder, name)),
    "split of a folder": lambda folder, name: open_split(make_voc_folder(folder), name),
    "split of shards": lambda folder, name: open_split(described(folder, "a"), name),
    "read_list": read_list,
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", ["../secret", "a/../../secret", "/etc/x", "a\\b", "a\x1b"])
def test_every_reader_refuses_names_that_leave_the_folder(tmp_path, reader, name):
    (tmp_path / "secret").write_bytes(b"")
    (tmp_path / "secret.txt").write_text("pic_0\n")
    with pytest.raises(DataError, match=r"the name .* such as 0001 or city/0001"):
        READERS[reader](tmp_path / "data", name)


def source_with(folder, name):
    """An archive of folders of images in which a file has this name."""
    make_folder(folder)
    save_image(folder / "images" / "train" / f"{name}.png", 0)
    return folder


class Named:
    """A split that comes from elsewhere, such as a user's own reader."""

    def __init__(self, name, split="val"):
        self.names, self.split, self.spec, self.labelled = [name], split, SPEC, True

    def __len__(self):
        return 1

    def load(self, index):
        return {"image": tf.zeros([3, 3, 3], tf.uint8), "label": tf.zeros([3, 3], tf.int32)}


def keep_scores(folder, name):
    model = deeplab_tf.DeepLab(num_classes=2, width=0.05)
    return CachedLogits(model, Named("a", name), [0], folder, lambda x, total: x)


WRITERS = {
    "submission": lambda folder, name: SubmissionWriter("voc", SPEC, folder)(
        EvaluatedImage(name, None, None, [np.zeros([2, 2], np.uint8)])
    ),
    "shard": lambda folder, name: encode_example(name, b"", (1, 1), None),
    "folder": lambda folder, name: write_voc_layout(folder, {"val": Named(name)}),
    "folder, list": lambda folder, name: write_voc_layout(folder, {name: Named("a")}),
    "cached logits": keep_scores,
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("name", ["../../../../evil", "/tmp/evil_of_test_paths", "a\\b"])
def test_every_writer_refuses_names_that_leave_the_folder(tmp_path, writer, name):
    with pytest.raises(DataError, match=r"the name .* such as 0001 or city/0001"):
        WRITERS[writer](tmp_path / "a/b/c/d", name)
    assert not list(tmp_path.iterdir()) and not list(Path("/tmp").glob("evil_of_test_paths*"))


def test_an_image_to_convert_is_named_so_that_the_shard_can_be_read(tmp_path):
    with pytest.raises(DataError, match=r"split 'train': the name 'a\\\\b' has a backslash"):
        open_source("folder", source_with(tmp_path, "a\\b"))


def test_a_pattern_writes_nothing_beside_the_output(tmp_path, monkeypatch):
    save_image(tmp_path / "x/y.png", 0)
    (tmp_path / "deep/er").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep")
    with pytest.raises(ValueError, match=r"\.\. behind a wildcard"):
        plan_jobs("*/../../x/y.png", "out")
    assert plan_jobs("../x/*.png", "out")[0].target == Path("out/y.png")
