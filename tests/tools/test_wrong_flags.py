"""What the programs refuse before they compute anything, in this process: quick."""

import json

import pytest

from deeplab_tf.data.archive_specs import SPECS
from deeplab_tf.data.sources import SOURCES
from deeplab_tf.models import model_step
from deeplab_tf.weights.weight_formats import FORMATS
from tests.tools.commands import ROOT
from tests.tools.loading import refusal, run_here

MODEL = [f"--model={ROOT / 'README.md'}"]  # it is there, and not opened
IMAGES = ROOT / "docs/images"
QUICKSTART = f"--config={ROOT / 'zoo/quickstart.py'}"
NET = f"--source={ROOT / 'README.md'}"
WRONG = [
    ("benchmark.py", ["--suite=crf", *MODEL], "Give --model and --data_dir together"),
    ("benchmark.py", ["--suite=tiles", *MODEL], "--suite=tiles needs --model and --data_dir"),
    ("benchmark.py", ["--suite=serving"], "--suite=serving needs --model and --data_dir"),
    ("convert_dataset.py", ["--output=o", "--dataset=folder"], "Give --dataset and --source, or"),
    ("convert_dataset.py", ["--output=o"], "Give --dataset and --source, or --verify"),
    ("convert_dataset.py", ["--output=o", "--dataset=voc"], "|".join(SOURCES)),
    (
        "doctor.py",
        ["--data_dir=synthetic", "--output=o", QUICKSTART, "--crop_size=3"],
        "Give either --config, with --config.data.augmentation, or --crop_size",
    ),
    ("doctor.py", ["--data_dir=synthetic", "--split=test", "--output=o"], "no split 'test'"),
    ("evaluate.py", ["--data_dir=synthetic"], "Give either --workdir or --model"),
    ("evaluate.py", ["--data_dir=synthetic", *MODEL, "--compare=m"], "give --report too"),
    ("evaluate.py", ["--data_dir=synthetic", "--absent=skip"], "exclude_unlabelled"),
    (
        "evaluate.py",
        ["--data_dir=synthetic", *MODEL, "--report", "--compare=none.json"],
        "--compare=none.json: No such file",
    ),
    ("export.py", [*MODEL, "--output=o", "--max_pixels=0"], "max_pixels"),
    ("export.py", [f"--model={ROOT / 'zoo'}", "--output=o"], "a folder. Give the .keras file"),
    ("export.py", [*MODEL, "--output=o", "--size=3x4"], "--size belongs to --format=litert and"),
    (
        "export.py",
        [*MODEL, "--output=o", "--format=litert"],
        "--format=litert needs --size=HEIGHTxWIDTH",
    ),
    ("export.py", [*MODEL, "--output=o", "--format=onnx", "--size=3x"], "--size=3x is not HEIGHTx"),
    (
        "import_weights.py",
        [QUICKSTART, NET, "--output=o.keras"],
        "either --dataset=voc12, or --data",
    ),
    (
        "import_weights.py",
        [QUICKSTART, NET, "--output=o.keras", "--dataset=voc12", "--data_dir=synthetic"],
        "Give the classes of the weights: either --dataset",
    ),
    (
        "import_weights.py",
        [NET, "--output=o.keras", "--dataset=voc12"],
        "--config must have a value",
    ),
    (
        "import_weights.py",
        [QUICKSTART, NET, "--output=o.h5", "--dataset=voc12"],
        "output=o.h5: the file's name must end in .keras",
    ),
    (
        "import_weights.py",
        [QUICKSTART, NET, "--output=o.keras", "--dataset=voc12"],
        "README.md: its ending says no format; give --format=caffe|",
    ),
    ("import_weights.py", [QUICKSTART, NET, "--output=o.keras", "--dataset=voc"], "|".join(SPECS)),
    ("import_weights.py", [QUICKSTART, NET, "--output=o.keras", "--format=tf"], "|".join(FORMATS)),
    ("merge_metrics.py", ["--output=o"], "Give the files to merge: --parts=FILE"),
    ("merge_metrics.py", ["--parts=p"], "--output must have a value"),
    ("predict.py", [*MODEL, "--input=nowhere", "--output=o"], "no such file or folder"),
    (
        "predict.py",
        [*MODEL, f"--input={IMAGES}", "--output=o", "--format=jpg"],
        "takes some of png, color",
    ),
    ("predict.py", [*MODEL, f"--input={IMAGES}", "--output=o", "--format="], "Received: nothing"),
    (
        "predict.py",
        [*MODEL, f"--input={IMAGES}", "--output=o", "--bands=3,2,1"],
        "there are none in",
    ),
    ("predict.py", [*MODEL, f"--input={IMAGES}", "--output=o", "--bands=3,2"], "of three bands"),
    (
        "predict.py",
        [*MODEL, f"--input={ROOT / 'docs/images'}", "--output=o", "--fusion=sum"],
        "fusion",
    ),
    (
        "serve_client.py",
        ["--server=a:1", "--dataset=o", f"--input={IMAGES}", "--output=o", "--form=inputs"],
        "--form belongs to --protocol=rest",
    ),
    ("tune_crf.py", [*MODEL, "--data_dir=synthetic", "--output=o.txt"], "must end in .json"),
    ("train.py", ["--data_dir=synthetic", "--workdir=w"], "--config must have a value"),
    ("train.py", [QUICKSTART, "--data_dir=nowhere", "--workdir=w"], "nowhere: no such folder"),
    ("write_synthetic.py", [], "--output must have a value"),
]


@pytest.mark.parametrize("tool, arguments, message", WRONG)
def test_wrong_flags_are_one_line(tool, arguments, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in refusal(capsys, tool, *arguments)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "content",
    ["no JSON", "[]", "null", "{}", '{"miou": 0.5, "crf": {"miou": null}}', "[" * 100_000],
)
def test_the_quick_starts_summary_of_other_scores(content, tmp_path, capsys):
    file = tmp_path / "eval-val" / "metrics.json"
    file.parent.mkdir()
    file.write_text(content)
    assert run_here("quickstart_summary.py", f"--workdir={tmp_path}") == 1
    told, complaint = capsys.readouterr()
    (line,) = complaint.splitlines()
    assert line.startswith(f"error: {file}: not the metrics before and after the CRF") and not told


def test_the_quick_starts_summary(tmp_path, capsys):
    scores = {"miou": 0.5, "per_class_iou": {"a": 0.5}, "pixel_accuracy": 0.5, "mean_accuracy": 0.5}
    scores |= {"frequency_weighted_iou": 0.5, "absent": "zero"}
    scores |= {"best_constant": {"class": "a", "miou": 0.25}}
    file = tmp_path / "eval-val" / "metrics.json"
    file.parent.mkdir()
    file.write_text(json.dumps({**scores, "crf": {**scores, "miou": 0.625}}))
    assert not run_here("quickstart_summary.py", f"--workdir={tmp_path}")
    assert "the CRF changed the mIoU by +12.50 points" in capsys.readouterr().out


def test_a_run_that_went_on_is_not_evaluated_by_its_old_model(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(model_step, "newer_checkpoint", lambda workdir: "step 5 is newer")
    line = refusal(capsys, "evaluate.py", "--data_dir=synthetic", f"--workdir={tmp_path}")
    assert f"{tmp_path}: step 5 is newer. Run tools/train.py to the end, or give" in line
    assert f"--model={tmp_path}/model.keras" in line
