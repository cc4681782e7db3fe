"""The converter as a user calls it, and training from what it wrote."""

import json
import re

import pytest

from tests.camvid import FOLDER, camvid_files
from tests.data.archives import make_voc12
from tests.data.fakes import make_voc_folder
from tests.data.sources.annotations import make_labelme
from tests.tools.commands import ROOT, run
from tests.tools.loading import call

pytestmark = pytest.mark.usefixtures("shallow_vgg")

# tests/data/test_convert.py has those of several, each of which starts by importing TensorFlow.
ONE = "--processes=1"
TINY = [
    "--config.model.width=0.05", "--config.model.msc_features=False",
    "--config.data.augmentation=crop(33)", "--config.train.steps=4", "--config.train.eval_every=0",
    "--config.train.batch_size=2", "--config.train.log_every=1",
    "--config.data.check=False",
]  # fmt: skip


@pytest.mark.slow
def test_converts_says_when_there_is_nothing_to_do_and_verifies(tmp_path):
    make_voc12(tmp_path)
    arguments = ["--dataset=voc12", f"--source={tmp_path}", f"--output={tmp_path / 'out'}", ONE]
    out, error = run("convert_dataset.py", *arguments)
    assert "train 4, val 3, trainval 7, test 2: 4 shards written, 0 kept" in out
    assert "warning: split 'train' has 4 images, the published one 1464." in error
    out, _ = run("convert_dataset.py", *arguments)
    assert "nothing to do, all 4 shards are up to date" in out
    verify = ["convert_dataset.py", "--verify", f"--output={tmp_path / 'out'}"]
    out, _ = run(*verify)
    assert "all 4 shards are as dataset.json says" in out
    shard = tmp_path / "out/val-00000-of-00001.tfrecord"
    shard.write_bytes(shard.read_bytes()[:-9])
    _, error = run(*verify, status=1)
    assert "error:" in error and "val-00000-of-00001.tfrecord: cut off" in error


@pytest.mark.slow
def test_problems_are_exit_status_1(tmp_path):
    make_voc12(tmp_path)
    labels = tmp_path / "VOCdevkit/VOC2012/SegmentationClass"
    (labels / "2007_000001.png").unlink()
    (labels / "2007_000004.png").write_bytes(b"")
    arguments = ["--dataset=voc12", f"--source={tmp_path}", f"--output={tmp_path / 'out'}", ONE]
    _, error = run("convert_dataset.py", *arguments, status=1)
    assert "2 problem(s) found" in error
    assert "2007_000001.png: cannot be read" in error and "2007_000004.png: not a PNG" in error
    assert not (tmp_path / "out/dataset.json").exists()


@pytest.mark.slow
def test_camvid_has_its_published_number_of_images(tmp_path):
    if camvid_files("dataset.json"):
        paths = [f"--source={FOLDER}", f"--output={tmp_path / 'shards'}"]
        out, error = run("convert_dataset.py", "--dataset=camvid", *paths, ONE)
        assert "train 367, val 101: 11 shards" in out and "warning: split" not in error


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
def test_training_from_shards_gives_the_losses_of_the_folder(tmp_path):
    folder = make_voc_folder(tmp_path / "camvid", examples=9, num_classes=11)
    paths = [f"--source={folder}", f"--output={tmp_path / 'shards'}"]
    call("convert_dataset.py", "--dataset=camvid", *paths, ONE)
    losses = []
    for data in (folder, tmp_path / "shards"):
        workdir = tmp_path / f"run_{len(losses)}"
        config = f"--config={ROOT / 'zoo/quickstart.py'}"
        call("train.py", config, f"--data_dir={data}", f"--workdir={workdir}", *TINY)
        lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
        losses.append([line["loss"] for line in lines if "loss" in line])
    assert len(losses[0]) == 4
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


# tests/data/test_convert.py shows that every other form gives the same shards.
@pytest.mark.slow
@pytest.mark.usefixtures("eager")
def test_own_photos_are_converted_examined_and_trained_on(tmp_path, capsys):
    make_labelme(tmp_path / "in", 8, size=(40, 60))
    data, workdir = tmp_path / "data", tmp_path / "run"
    flags = [f"--source={tmp_path / 'in'}", f"--output={data}", "--val_share=0.25"]
    call("convert_dataset.py", "--dataset=labelme", *flags, r"--group_by=^video\d", ONE)
    assert "ids: 0 background, 1 cat, 2 dog; void 255" in capsys.readouterr().out
    call("doctor.py", f"--data_dir={data}", f"--output={tmp_path / 'report'}")
    shown = capsys.readouterr().out
    assert "cat" in shown and "dog" in shown
    config = f"--config={ROOT / 'zoo/quickstart.py'}"
    steps = [*TINY, "--config.train.steps=2", "--config.data.check=True"]
    call("train.py", config, f"--data_dir={data}", f"--workdir={workdir}", *steps)
    lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    assert len([line for line in lines if "loss" in line]) == 2


def test_what_is_wrong_with_the_flags(tmp_path):
    make_labelme(tmp_path / "in")
    flags = [f"--source={tmp_path / 'in'}", f"--output={tmp_path / 'out'}", ONE]
    (tmp_path / "map.json").write_text('{"cta": "pet"}')
    for wrong, message in (
        ("--group_by=video", "--group_by says how --val_share divides; give --val_share, too."),
        ("--val_share=20", "val_share must lie between 0 and 1, received 20.0."),
        (f"--label_map={tmp_path / 'map.json'}", "Did you mean 'cat'?"),
        (f"--label_map={tmp_path}", "cannot be read (Is a directory)"),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            call("convert_dataset.py", "--dataset=labelme", *flags, wrong)
        assert not (tmp_path / "out").exists()
