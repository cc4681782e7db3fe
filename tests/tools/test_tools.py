"""The programs as a user calls them, one after the other, on the embedded data set."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.tools.commands import ROOT, run

SMALL = [
    "--config.model.width=0.05",
    "--config.data.crop_size=33",
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
def workdir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "work"
    train(folder)
    return folder


@pytest.mark.slow
def test_train_leaves_a_complete_workdir(workdir):
    names = {path.name for path in workdir.iterdir()}
    assert {"config.json", "dataset.json", "checkpoints", "metrics.jsonl", "model.keras"} <= names
    assert any(name.startswith("events.out.tfevents") for name in names)
    lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    scores = [line for line in lines if "miou" in line]
    assert [line["step"] for line in scores] == [3, 6]
    assert all({"split", "per_class_iou"} <= line.keys() for line in scores)
    assert {"step", "loss", "learning_rate"} <= lines[-2].keys()


@pytest.mark.slow
def test_training_again_goes_on_from_the_last_checkpoint(workdir):
    out, _ = train(workdir)
    assert "going on from the checkpoint of step 6" in out


@pytest.mark.slow
def test_evaluate_predict_export(workdir, tmp_path):
    crf = tmp_path / "crf.json"
    crf.write_text(json.dumps({"iterations": 2, "bilateral_sigma_xy": 20}))
    out, _ = run(
        "evaluate.py", f"--workdir={workdir}", "--data_dir=synthetic", f"--crf={crf}", "--limit=3"
    )
    assert "after CRF" in out
    metrics = json.loads((workdir / "eval-val" / "metrics.json").read_text())
    assert {"split", "images", "miou", "pixel_accuracy", "per_class_iou", "crf", "seconds"} == (
        metrics.keys()
    )
    assert metrics["images"] == 3

    photos = tmp_path / "photos"
    photos.mkdir()
    Image.fromarray(np.zeros([30, 41, 3], np.uint8)).save(photos / "good.jpg")
    (photos / "bad.jpg").write_bytes(b"no picture")
    model = f"--model={workdir / 'model.keras'}"
    out, error = run(
        "predict.py", model, f"--input={photos}", f"--output={tmp_path / 'out'}", "--crf",
        "--overlay", status=1,
    )  # fmt: skip
    assert "1 of 2 pictures labelled" in out
    assert "bad.jpg" in error
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"good.png", "good_overlay.png"}

    run("export.py", model, f"--output={tmp_path / 'served' / '1'}")
    assert (tmp_path / "served" / "1" / "saved_model.pb").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tool", "arguments", "message"),
    [
        ("evaluate.py", ["--model=none.keras", "--data_dir=synthetic"], "none.keras: no such file"),
        ("evaluate.py", ["--data_dir=synthetic"], "either --workdir or --model"),
        ("predict.py", ["--model=m.keras", "--input=nowhere", "--output=o"], "no pictures"),
        ("export.py", ["--model=zoo", "--output=o"], "a folder. Give the .keras file"),
        (
            "train.py",
            ["--config=zoo/quickstart.py", "--data_dir=nowhere", "--workdir=w"],
            "nowhere: no such folder",
        ),
    ],
)
def test_what_is_wrong_is_one_line(tool, arguments, message, monkeypatch):
    monkeypatch.chdir(ROOT)
    _, error = run(tool, *arguments, status=1)
    (line,) = [line for line in error.splitlines() if line.startswith("error:")]
    assert message in line
