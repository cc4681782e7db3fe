import json
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from deeplab_tf.data import worker_pool
from deeplab_tf.data.convert import convert
from deeplab_tf.data.spec import DataError, DatasetSpec
from deeplab_tf.data.split import open_split
from deeplab_tf.data.tfrecord_shards import verify_shards
from tests.data.archives import (
    make_cityscapes,
    make_folder,
    make_pascal_context,
    make_person_part,
    make_sbd,
    make_voc12,
    save_png,
)
from tests.data.fakes import make_voc_folder, random_label, smooth_image
from tests.data.sources.annotations import ANNOTATED, TRUTH
from tests.tools.commands import FORKSERVER

MAKERS = {
    "voc12": make_voc12, "sbd": make_sbd, "pascal_context": make_pascal_context,
    "person_part": make_person_part, "cityscapes": make_cityscapes, "folder": make_folder,
}  # fmt: skip


def run(dataset, folder, **options):
    options = {"processes": 1, "examples_per_shard": 2, **options}
    return convert(dataset, folder, folder / "out", **options)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.*") if path.is_file()}


@pytest.mark.parametrize("dataset", MAKERS | ANNOTATED)
def test_every_archive_is_converted(tmp_path, dataset):
    (MAKERS | ANNOTATED)[dataset](tmp_path)
    done = run(dataset, tmp_path)
    assert done.kept == 0
    assert verify_shards(tmp_path / "out") == done.written
    assert DatasetSpec.load(tmp_path / "out") == done.spec
    for name, count in done.spec.splits.items():
        split = open_split(tmp_path / "out", name)
        assert len(split) == count > 0
        assert split.labelled == (name != "test")
        split.check()


@pytest.mark.parametrize("dataset", ANNOTATED)
def test_every_form_of_annotation_gives_the_same_labels(tmp_path, dataset):
    ANNOTATED[dataset](tmp_path / "in", 8)
    options = {"processes": 1, "val_share": 0.25, "group_by": r"^video\d"}
    done = convert(dataset, tmp_path / "in", tmp_path / "out", **options)
    assert done.spec.class_names == ("background", "cat", "dog") and not done.warnings
    splits = [open_split(tmp_path / "out", name) for name in ("train", "val")]
    assert [len(split) for split in splits] == [6, 2]
    videos = [{name[:6] for name in split.names} for split in splits]
    assert not videos[0] & videos[1]
    for split in splits:
        for index in range(len(split)):
            label = split.load(tf.constant(index, tf.int64))["label"]
            np.testing.assert_array_equal(label, TRUTH)
    again = convert(dataset, tmp_path / "in", tmp_path / "out", **options)
    assert (again.written, again.kept) == (0, 2)


def test_counts_other_than_the_published_ones_are_a_warning(tmp_path):
    make_voc12(tmp_path)
    (tmp_path / "VOCdevkit/VOC2012/ImageSets/Segmentation/test.txt").unlink()
    warnings = run("voc12", tmp_path).warnings
    assert "split 'train' has 4 images, the published one 1464." in warnings
    assert "split 'test' has 0 images, the published one 1456." in warnings
    assert len(warnings) == 4


def test_a_second_run_has_nothing_to_do(tmp_path):
    make_voc12(tmp_path)
    first = run("voc12", tmp_path)
    before = contents(tmp_path / "out")
    times = {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*")}
    second = run("voc12", tmp_path)
    assert (second.written, second.kept) == (0, first.written)
    assert second.spec == first.spec and contents(tmp_path / "out") == before
    assert times == {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*")}


def test_only_what_changed_is_made_again(tmp_path):
    truth = make_voc12(tmp_path)
    count = run("voc12", tmp_path).written
    name = next(iter(truth))
    save_png(tmp_path / f"VOCdevkit/VOC2012/SegmentationClass/{name}.png", truth[name] // 255 * 255)
    damaged = tmp_path / "out/val-00001-of-00002.tfrecord"
    damaged.write_bytes(damaged.read_bytes()[:-5])
    done = run("voc12", tmp_path)
    assert done.written == 3  # a shard of train, of trainval and the damaged one
    assert done.kept == count - 3
    verify_shards(tmp_path / "out")
    label = open_split(tmp_path / "out", "train").load(tf.constant(0, tf.int64))["label"]
    assert set(np.unique(label)) == {0, 255}


def test_another_plan_leaves_nothing_of_the_old_one(tmp_path):
    make_voc12(tmp_path)
    run("voc12", tmp_path)
    (tmp_path / "out/.train-00000-of-00002.tfrecord.0.part").write_bytes(b"half")
    done = run("voc12", tmp_path, examples_per_shard=3)
    files = {shard.file for shards in done.spec.shards.values() for shard in shards}
    assert {path.name for path in (tmp_path / "out").glob("*.tfrecord")} == files
    assert not list((tmp_path / "out").rglob("*.part"))
    assert [s.examples for s in done.spec.shards["trainval"]] == [2, 2, 3]


def test_other_classes_make_all_shards_again(tmp_path):
    make_folder(tmp_path)
    count = run("folder", tmp_path).written
    (tmp_path / "dataset.json").write_text(
        json.dumps({"name": "mine", "class_names": list("abcde")})
    )
    assert run("folder", tmp_path).written == count
    assert open_split(tmp_path / "out", "val").spec.num_classes == 5


@pytest.fixture
def forked(monkeypatch):
    """Workers have TensorFlow imported; in tests/data/test_convert_killed.py they start anew."""
    monkeypatch.setattr(worker_pool.multiprocessing, "get_context", lambda method: FORKSERVER)


@pytest.mark.slow
@pytest.mark.usefixtures("forked")
def test_several_processes_make_the_same_files(tmp_path):
    make_voc12(tmp_path)
    run("voc12", tmp_path)
    convert("voc12", tmp_path, tmp_path / "two", processes=2, examples_per_shard=2)
    assert contents(tmp_path / "two") == contents(tmp_path / "out")


def test_a_script_that_would_start_itself_again_is_refused(tmp_path, monkeypatch):
    make_voc12(tmp_path)
    script = tmp_path / "mine.py"
    script.write_text("from deeplab_tf.data.convert import convert\nconvert(...)\n")
    monkeypatch.setattr(sys.modules["__main__"], "__file__", str(script), raising=False)
    with pytest.raises(ValueError, match=r"mine\.py: processes .*if __name__ == \"__main__\":"):
        convert("voc12", tmp_path, tmp_path / "two", processes=2, examples_per_shard=2)
    assert not list((tmp_path / "two").glob("*.tfrecord"))


def break_voc12(root):
    """One of every kind of problem; returns what the report has to say."""
    images, labels = root / "JPEGImages", root / "SegmentationClass"
    (images / "2007_000000.jpg").unlink()
    (labels / "2007_000001.png").unlink()
    save_png(labels / "2007_000002.png", random_label(20, 29, 21))
    ids = random_label(25, 21, 21)
    ids[5, 5:9] = 21
    save_png(labels / "2007_000003.png", ids)
    Image.fromarray(smooth_image(20, 30)).save(labels / "2007_000004.png")
    for path in (images / "2007_000005.jpg", labels / "2007_000006.png"):
        path.write_bytes(path.read_bytes()[:-30])
    with open(root / "ImageSets/Segmentation/val.txt", "a") as file:
        file.write("2007_000004\n")
    return [
        "2007_000000.jpg: cannot be read",
        "2007_000001.png: cannot be read",
        "2007_000002.png: the label is (20, 29) (height, width), its image (20, 30).",
        "2007_000003.png: label id 21 (4 pixels) is neither one of 0..20",
        "2007_000004.png: the label holds colours (RGB)",
        "2007_000005.jpg: broken or cut off",
        "2007_000006.png: broken or cut off",
        "split 'val': '2007_000004' is listed twice",
    ]


@pytest.mark.usefixtures("forked")
@pytest.mark.parametrize("processes", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_one_report_has_every_problem(tmp_path, processes):
    make_voc12(tmp_path)
    done = run("voc12", tmp_path)
    assert (tmp_path / "out/dataset.json").exists()
    problems = break_voc12(tmp_path / "VOCdevkit/VOC2012")
    with pytest.raises(DataError) as caught:
        run("voc12", tmp_path, processes=processes)
    report = str(caught.value)
    for problem in problems:
        assert problem in report
    # An image that is in train or val and in trainval is one problem.
    assert "8 problem(s) found" in report and len(report.splitlines()) == 9
    assert not (tmp_path / "out/dataset.json").exists()
    with pytest.raises(DataError, match=r"dataset\.json: no such file"):
        open_split(tmp_path / "out", "train")
    assert done.spec.shards["test"][0].file in contents(tmp_path / "out")  # that work is not lost


def test_problems_of_other_archives_name_the_file(tmp_path):
    make_sbd(tmp_path)
    mask = tmp_path / "benchmark_RELEASE/dataset/cls/2008_000002.mat"
    mask.write_bytes(mask.read_bytes()[:100])
    with pytest.raises(DataError, match=r"1 problem(?s:.)*2008_000002\.mat: broken"):
        run("sbd", tmp_path)


def test_the_output_must_be_a_folder_of_its_own(tmp_path):
    folder = make_voc_folder(tmp_path / "camvid", num_classes=11)
    with pytest.raises(DataError, match="the output folder is the source"):
        convert("camvid", folder, folder)
    other = make_voc_folder(tmp_path / "other")
    with pytest.raises(DataError, match="holds another data set"):
        convert("camvid", folder, other)
    convert("camvid", folder, tmp_path / "shards", processes=1)
    make_voc12(tmp_path)
    with pytest.raises(DataError, match=r"shards: holds another data set \(camvid\)"):
        convert("voc12", tmp_path, tmp_path / "shards")
    verify_shards(tmp_path / "shards")
    assert (folder / "dataset.json").exists() and (other / "dataset.json").exists()
