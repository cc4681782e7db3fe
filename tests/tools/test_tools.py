"""The programs as a user calls them, one after the other, on the embedded data set."""

import json
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from deeplab_tf.data.files import file_hash
from deeplab_tf.pretrained.open_network import network_file
from tests.data.fakes import make_voc_folder
from tests.tools.commands import ROOT, run
from tests.tools.loading import call

# tests/cli/test_main.py and tests/training/test_workers.py have the programs with their graphs.
pytestmark = pytest.mark.usefixtures("shallow_vgg", "eager_file")

SMALL = [
    "--config.model.width=0.05",
    "--config.model.msc_features=False",
    "--config.data.augmentation=crop(33)",
    "--config.train.steps=6",
    "--config.train.batch_size=2",
    "--config.train.checkpoint_every=3",
    "--config.train.eval_every=3",
    "--config.train.eval_limit=2",
]


def train(workdir, *arguments, **options):
    config = f"--config={ROOT / 'zoo/quickstart.py'}"
    return run(
        "train.py", config, "--data_dir=synthetic", f"--workdir={workdir}", *SMALL, *arguments,
        **options,
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The work directory of a short run, and what the run printed."""
    folder = tmp_path_factory.mktemp("run") / "work"
    return folder, train(folder)[0].splitlines()


@pytest.fixture(scope="module")
def workdir(trained):
    return trained[0]


@pytest.mark.slow
def test_train_leaves_a_complete_workdir(workdir):
    names = {path.name for path in workdir.iterdir()}
    assert {"config.json", "dataset.json", "checkpoints", "metrics.jsonl", "model.keras"} <= names
    assert any(name.startswith("events.out.tfevents") for name in names)
    lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    scores = [line for line in lines if "miou" in line]
    assert [line["step"] for line in scores] == [3, 6]
    assert all({"split", "per_class_iou"} <= line.keys() for line in scores)
    assert not any("confusion_matrix" in line for line in lines)
    assert {"step", "loss", "learning_rate"} <= lines[-2].keys()


@pytest.mark.slow
def test_train_says_what_a_majority_baseline_scores(trained):
    workdir, lines = trained
    for number, (split, examples) in enumerate([("train", 240), ("val", 60)]):
        assert lines[number].startswith(f"{split}: {min(examples, 100)} of {examples} images")
        assert "majority-class baseline (background): 1" in lines[number]
    shown = [line for line in lines if line.startswith("mIoU")]
    logged = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    constants = [line["best_constant"] for line in logged if "miou" in line]
    assert len(shown) == len(constants) == 2
    for line, constant in zip(shown, constants, strict=True):
        assert f"({constant['class']}): {100 * constant['miou']:.2f} mIoU" in line


@pytest.mark.slow
def test_training_again_goes_on_from_the_last_checkpoint(workdir):
    out, _ = train(workdir)
    assert "going on from the checkpoint of step 6" in out


@pytest.mark.slow
def test_a_work_directory_is_a_model_before_its_end_too(workdir, tmp_path):
    going_on = shutil.copytree(workdir, tmp_path / "going_on")
    (going_on / "model.keras").unlink()
    newest = max((going_on / "checkpoints").glob("ckpt-*.data-*"), key=os.path.getmtime)
    for folder, file in ((workdir, workdir / "model.keras"), (going_on, newest)):
        call("evaluate.py", f"--model={folder}", "--data_dir=synthetic", "--limit=1", "--split=val",
             "--overwrite", "--report")  # fmt: skip
        assert file_hash(file) in (folder / "eval-val" / "report.html").read_text("utf-8")
    shutil.rmtree(going_on / "checkpoints")
    with pytest.raises(ValueError, match="no checkpoint yet"):
        call("predict.py", f"--model={going_on}", f"--input={ROOT / 'docs/images'}",
             f"--output={tmp_path / 'out'}")  # fmt: skip
    with pytest.raises(ValueError, match=r"neither model\.keras nor a checkpoint"):
        network_file(going_on)


@pytest.mark.slow
def test_evaluate_predict(workdir, tmp_path):
    crf = tmp_path / "crf.json"
    crf.write_text(json.dumps({"iterations": 2, "bilateral_sigma_xy": 20}))
    notes = tmp_path / "notes.md"
    notes.write_text("## Licence\n\nMine.\n")
    out, _ = run(
        "evaluate.py", f"--workdir={workdir}", "--data_dir=synthetic", f"--crf={crf}", "--limit=3",
        "--trimap_from=void", "--boundary", "--absent=zero", "--report",
        f"--card={workdir}", f"--card_notes={notes}",
    )  # fmt: skip
    assert "after CRF" in out
    report = (workdir / "eval-val" / "report.html").read_text("utf-8")
    assert "--trimap_from=void" in report and str(workdir / "model.keras") in report
    assert len(list((workdir / "eval-val").glob("report-*.png"))) == 3
    card = (workdir / "eval-val" / "card.md").read_text("utf-8")
    assert card.endswith("## Licence\n\nMine.\n") and "--trimap_from=void" in card
    assert f"card: {workdir / 'eval-val' / 'card.md'}" in out
    first = workdir / "eval-val" / "metrics.json"
    run(
        "evaluate.py", f"--model={workdir / 'model.keras'}", "--data_dir=synthetic",
        "--split=train", "--nocrf", "--limit=1", "--trimap_from=label_edges", "--absent=nan",
        "--submission=voc", "--report", f"--compare={first}",
        f"--output={tmp_path / 'scored'}", "--scales=0.5,1", "--flip", "--fusion=max", "--tile=65",
        "--pad_to=49",
    )  # fmt: skip
    other = json.loads((tmp_path / "scored" / "metrics.json").read_text())
    assert (other["split"], other["images"], other["absent"]) == ("train", 1, "nan")
    assert other["trimap"]["from"] == "label_edges" and "crf" not in other
    assert len(list((tmp_path / "scored" / "results").rglob("*.png"))) == 1
    page = (tmp_path / "scored" / "report.html").read_text("utf-8")
    assert f"{workdir.name}/eval-val" in page

    metrics = json.loads(first.read_text())
    scores = {
        "miou", "absent", "pixel_accuracy", "mean_accuracy", "frequency_weighted_iou",
        "per_class_iou", "trimap", "boundary_iou", "per_class_boundary_iou", "confusion_matrix",
        "boundary_pixels",
    }  # fmt: skip
    assert metrics.keys() == {"split", "images", *scores, "crf", "best_constant", "seconds"}
    assert metrics["crf"].keys() == scores
    assert metrics["absent"] == "zero" and metrics["trimap"]["from"] == "void"
    assert metrics["images"] == 3

    images = tmp_path / "images"
    images.mkdir()
    Image.fromarray(np.zeros([30, 41, 3], np.uint8)).save(images / "good.jpg")
    (images / "bad.jpg").write_bytes(b"no image")
    model = f"--model={workdir / 'model.keras'}"
    out, error = run(
        "predict.py", model, f"--input={images}", f"--output={tmp_path / 'out'}", "--crf",
        "--overlay", status=1,
    )  # fmt: skip
    assert "1 of 2 images labelled" in out
    assert "bad.jpg" in error
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"good.png", "good_overlay.png"}

    (images / "bad.jpg").unlink()
    Image.fromarray(np.zeros([50, 20, 3], np.uint8)).save(images / "new.png")
    before = (tmp_path / "out" / "good.png").stat().st_mtime_ns
    out, _ = run(
        "predict.py", model, f"--input={images}", f"--output={tmp_path / 'out'}", "--resume",
        "--scales=0.5,1", "--flip", "--fusion=max", "--tile=33",
    )  # fmt: skip
    assert "1 of 2 images were labelled before" in out and "1 of 1 images labelled" in out
    assert (tmp_path / "out" / "good.png").stat().st_mtime_ns == before
    with Image.open(tmp_path / "out" / "new.png") as label:
        assert label.size == (20, 50)


@pytest.mark.slow
def test_doctor_shows_the_crops_of_a_config(tmp_path):
    config = f"--config={ROOT / 'zoo/quickstart.py'}"
    out, _ = run(
        "doctor.py", "--data_dir=synthetic", config,
        "--config.data.augmentation=crop(33)", "--crops=2", "--limit=5", f"--output={tmp_path}",
    )  # fmt: skip
    assert "5 of 240 images" in out and "crop(33)" in out
    diagnosis = json.loads((tmp_path / "doctor.json").read_text())
    assert (diagnosis["split"], diagnosis["images"], diagnosis["crop_size"]) == ("train", 5, 33)
    with Image.open(tmp_path / "contact_sheet.png") as sheet:
        assert min(sheet.size) > 2 * 33
    assert {p.name for p in tmp_path.iterdir()} == {"doctor.json", "contact_sheet.png"}


def test_doctor_without_the_extra_leaves_only_the_contact_sheet_out(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("deeplab_tf.data.plotting._PACKAGES", ("no_such_package",))
    call("doctor.py", "--data_dir=synthetic", "--limit=2", f"--output={tmp_path}")
    printed = capsys.readouterr().out
    assert "no contact_sheet.png: The contact sheet needs no_such_package" in printed
    assert json.loads((tmp_path / "doctor.json").read_text())["images"] == 2
    assert not (tmp_path / "contact_sheet.png").exists()


@pytest.mark.slow
def test_doctor_without_a_config_looks_at_a_folder_that_write_synthetic_wrote(tmp_path):
    data = tmp_path / "data"
    run("write_synthetic.py", f"--output={data}", "--train=0", "--val=2")
    assert not (data / "ImageSets/Segmentation/train.txt").exists()
    arguments = [f"--data_dir={data}", f"--output={tmp_path / 'out'}", "--split=val"]
    out, _ = run("doctor.py", *arguments, "--crop_size=40", "--crops=1")
    assert "2 of 2 images" in out and "crop(40)|mirror" in out


@pytest.mark.slow
def test_doctor_lists_all_problems_of_the_files_and_writes_nothing(tmp_path):
    data = make_voc_folder(tmp_path / "data")
    (data / "JPEGImages/pic_1.jpg").unlink()
    Image.new("RGB", (31, 25)).save(data / "SegmentationClass/pic_3.png")
    _, error = run("doctor.py", f"--data_dir={data}", f"--output={tmp_path / 'out'}", status=1)
    assert "pic_1.jpg" in error and "pic_3.png" in error
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_what_is_wrong_is_one_line():
    """tests/tools/test_wrong_flags.py has many more, in one process."""
    _, error = run("evaluate.py", "--model=none.keras", "--data_dir=synthetic", status=1)
    (line,) = [line for line in error.splitlines() if line.startswith("error:")]
    assert "none.keras: no such file" in line
