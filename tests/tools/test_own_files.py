"""No program replaces a file that it did not write, whichever program it is."""

import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from deeplab_tf.cli import flag_parsers
from deeplab_tf.crf import CrfParameters
from deeplab_tf.data.convert import convert
from deeplab_tf.data.own_files import (
    DATA_SET,
    PREDICTION,
    check_outputs,
    is_json_with,
    is_png_of,
    png_mark,
)
from deeplab_tf.data.png import encode_label
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.data.synthetic import SyntheticSplit, synthetic_spec
from deeplab_tf.data.voc_writer import write_voc_layout
from deeplab_tf.evaluation.evaluate import EvaluatedImage
from deeplab_tf.evaluation.prediction_jobs import Job, jobs_to_do
from deeplab_tf.evaluation.prediction_writer import write_prediction
from deeplab_tf.evaluation.report import Report
from deeplab_tf.evaluation.submission import SubmissionWriter
from deeplab_tf.export import litert, onnx
from deeplab_tf.training.config import base_config
from deeplab_tf.training.workdir import Workdir
from deeplab_tf.tuning.run import tuning_owners
from tests.data.archives import make_voc12, save_image
from tests.data.fakes import make_voc_folder
from tests.tools.commands import ROOT
from tests.tools.loading import call

NO_MODEL = "none.keras: no such file"
PREDICT = "predict.py --model=none.keras --input=in --output=out"
BEAM = "predict_beam.py --model=none.keras --input=in --output=out"
SERVE = "serve_client.py --server=localhost:9 --dataset=none --input=in --output=out"
EVALUATE = "evaluate.py --model=none.keras --data_dir=synthetic --output=out"
MERGE = "merge_metrics.py --parts=none.json --output=out"
DOCTOR = "doctor.py --data_dir=synthetic --output=out"
TUNE = "tune_crf.py --model=none.keras --data_dir=synthetic --output=crf.json --workers=1"
IMPORT = "import_weights.py --config=zoo:quickstart --dataset=voc12 --output=new.keras"
WRITE = "write_synthetic.py --output=out --train=0 --val=2"
SUBMITTED = "out/results/VOC2012/Segmentation/comp6_test_cls/val_0000.png"
# A command, the file of somebody else that it would replace, and what it complains about next
# with --overwrite; with "" it comes to its end.
COMMANDS = [
    (PREDICT, "out/a.png", NO_MODEL),
    (f"{PREDICT} --overlay", "out/a_overlay.png", NO_MODEL),
    (f"{PREDICT} --resume", "out/a.png", NO_MODEL),
    (f"{PREDICT} --format=labelme,npz", "out/b.json", NO_MODEL),
    (f"{PREDICT} --format=coco", "out/coco.json", NO_MODEL),
    (BEAM, "out/a.png", NO_MODEL),
    (f"{BEAM} --resume", "out/a.png", NO_MODEL),
    (BEAM, "out/dead_letters-00000-of-00001.jsonl", NO_MODEL),
    (f"{BEAM}/x --format=tfrecord", "out/x.json", NO_MODEL),
    (f"{BEAM}/x --format=tfrecord --resume", "out/x-00000-of-00001.tfrecord", NO_MODEL),
    (SERVE, "out/a.png", "none: no such folder"),
    (f"{SERVE} --resume", "out/a.png", "none: no such folder"),
    (EVALUATE, "out/metrics.json", NO_MODEL),
    (f"{EVALUATE} --report", "out/report.html", NO_MODEL),
    (f"{EVALUATE} --report", "out/report-worst-5.png", NO_MODEL),
    (f"{EVALUATE} --card=.", "out/card.md", "not the work directory of a training"),
    (f"{EVALUATE} --card=.", "out/card-worst-2.jpg", "not the work directory"),
    (f"{EVALUATE} --submission=voc", SUBMITTED, NO_MODEL),
    (MERGE, "out/metrics.json", "none.json: no such file"),
    (f"{DOCTOR} --split=none", "out/doctor.json", "no split 'none'"),
    (f"{DOCTOR} --split=none", "out/contact_sheet.png", "no split 'none'"),
    (TUNE, "crf.json", NO_MODEL),
    (TUNE, "crf.report.json", NO_MODEL),
    (f"{IMPORT} --source=none.h5", "new.keras", "weights file not found: none.h5"),
    ("benchmark.py --suite=tiles --output=x.json", "x.json", "needs --model and --data_dir"),
    (WRITE, "out/dataset.json", ""),
    (WRITE, "out/ImageSets/Segmentation/val.txt", ""),
    (WRITE, "out/SegmentationClass/val_0001.png", ""),
]
# Programs that write, but have no --overwrite: what they complete must be theirs as a whole.
WHOLE = {"convert_dataset.py", "train.py", "export.py"}
READERS = {"demo.py", "quickstart_summary.py"}
# Its --document is there to be changed.
EDITORS = {"benchmark_tables.py"}


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        save_image(tmp_path / f"in/{name}.png", 0)
    return tmp_path


def foreign(path):
    """A file of somebody else: a label, a list or a JSON that looks like ours but is not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".png":
        path.write_bytes(encode_label(np.zeros([4, 5], np.uint8), bytes(768)))
    elif path.suffix == ".json":
        path.write_text(json.dumps({"name": "synthetic", "class_names": ["a"], "iterations": 3}))
    else:
        path.write_text("mine\n")
    return path.read_bytes()


@pytest.mark.parametrize(("command", "name", "next_complaint"), COMMANDS)
def test_files_of_others_are_replaced_only_with_overwrite(
    here, command, name, next_complaint, monkeypatch
):
    monkeypatch.setattr(flag_parsers, "is_there", lambda path: True)  # the outputs come first
    arguments = command.split()
    content = foreign(here / name)
    files = {path: path.read_bytes() for path in here.rglob("*") if path.is_file()}
    with pytest.raises(ValueError) as refused:
        call(*arguments)
    assert str(refused.value).startswith(f"{name} is there and this program did not write it")
    assert "--overwrite" in str(refused.value)
    assert files == {path: path.read_bytes() for path in here.rglob("*") if path.is_file()}
    if next_complaint:
        with pytest.raises(ValueError, match=next_complaint):
            call(*arguments, "--overwrite")
        assert (here / name).read_bytes() == content
    else:
        call(*arguments, "--overwrite")
        assert (here / name).read_bytes() != content
        call(*arguments)  # it is ours now


def test_every_program_that_writes_is_in_the_table():
    tools = {path.name for path in (ROOT / "tools").glob("*.py")}
    assert tools == {command.split()[0] for command, *_ in COMMANDS} | WHOLE | READERS | EDITORS


def test_the_first_is_named_and_all_are_counted(here):
    files = {here / name: is_json_with("a") for name in ("new.json", "x.json", "y.json")}
    for name in ("x", "y"):
        foreign(here / f"{name}.json")
    with pytest.raises(ValueError, match=r"x\.json is there .* \(the first of 2 such files\)"):
        check_outputs(files)


def test_a_link_to_nowhere_is_a_file_too(here):
    (here / "x.json").symlink_to(here / "nowhere")
    with pytest.raises(ValueError, match=r"x\.json is there"):
        check_outputs({here / "x.json": is_json_with("a")})


def test_an_output_below_a_file_is_refused_before_any_work(here):
    (here / "file").write_text("x")
    with pytest.raises(NotADirectoryError, match=r"file is not a folder: '.*file/out'"):
        check_outputs({here / "file/out/a.json": is_json_with("a")}, overwrite=True)


# === What a program has written is replaced without a question ===


def test_predictions_are_known_by_their_mark(here):
    job, labels = Job(here / "in/a.png", here / "out/a.png"), np.zeros([20, 30], np.uint8)
    image = job.labelled(labels, synthetic_spec(), np.zeros([20, 30, 3], np.uint8))
    assert write_prediction(job, image, formats=("png", "overlay")) is None
    assert jobs_to_do([job], formats=("png", "overlay")) == [job]
    assert jobs_to_do([job], formats=("png", "overlay"), resume=True) == []
    assert Image.open(job.target).text["Software"].startswith("deeplab_tf")
    Image.open(job.target).save(job.target)  # somebody has painted in it
    with pytest.raises(ValueError, match=r"out/a\.png is there and this program did not write it"):
        jobs_to_do([job], resume=True)
    assert jobs_to_do([job], resume=True, overwrite=True) == [job]


def test_labels_of_a_data_set_are_no_predictions(here):
    write_voc_layout(here / "data", {"val": SyntheticSplit("val", 1)})
    label = here / "data/SegmentationClass/val_0000.png"
    assert is_png_of(DATA_SET)(label) and not is_png_of(PREDICTION)(label)
    with pytest.raises(ValueError, match="did not write it"):
        jobs_to_do([Job(here / "in/a.png", label)])


def test_a_data_set_may_be_written_again_with_other_counts(here):
    for count in (3, 1, 2):
        write_voc_layout(here / "data", {"val": SyntheticSplit("val", count)})
    names = (here / "data/ImageSets/Segmentation/val.txt").read_text().split()
    assert names == ["val_0000", "val_0001"]
    described = json.loads((here / "data/dataset.json").read_text())
    (here / "data/dataset.json").write_text(json.dumps({**described, "ignore_label": 99}))
    with pytest.raises(ValueError, match=r"dataset\.json is there"):
        write_voc_layout(here / "data", {"val": SyntheticSplit("val", 2)})


def test_a_data_set_is_never_overwritten_in_part(here):
    folder = make_voc_folder(here / "data")
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(ValueError, match="did not write it"):
        call("write_synthetic.py", f"--output={folder}", "--train=1", "--val=1")
    assert files == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_the_doctor_may_look_again(here, capsys):
    for _ in range(2):
        call(*DOCTOR.split(), "--split=val", "--limit=2", "--crops=1", "--crop_size=33")
    assert sorted(path.name for path in (here / "out").iterdir()) == [
        "contact_sheet.png", "doctor.json",
    ]  # fmt: skip


def test_an_evaluation_may_be_repeated(here):
    spec = DatasetSpec("toy", ("a", "b"))
    split = SyntheticSplit("val", 2)
    labels, image = np.zeros([4, 5], np.uint8), np.zeros([4, 5, 3], np.uint8)
    submission, report = SubmissionWriter("voc", spec, here), Report(split)
    for name in split.names:
        submission(EvaluatedImage(name, image, labels, [labels]))
        report(EvaluatedImage(name, image, labels, [labels]))
    scores = {"miou": 1.0, "pixel_accuracy": 1.0, "absent": "exclude",
              "per_class_iou": dict.fromkeys(split.spec.class_names, 1.0),
              "best_constant": {"class": "background", "miou": 0.1}}  # fmt: skip
    foreign(here / "report-of-last-year.png")
    report.write({"images": 2, **scores}, {"model": "x"}, here)
    check_outputs({**submission.owners(split.names), **report.owners(here)})
    written = {path.name for path in here.glob("report*")}
    assert written == {
        "report.html", "report-best-1.png", "report-worst-1.png", "report-of-last-year.png",
    }  # fmt: skip
    assert sum(path.exists() for path in submission.owners(split.names)) == 2


def test_tuned_parameters_are_known_with_their_report(here):
    output, report = tuning_owners("crf.json")
    tuned = CrfParameters(bilateral_sigma_xy=20).to_dict()
    output.write_text(json.dumps(tuned))
    check_outputs(tuning_owners(output))  # killed before the report
    content = {"parameters": {"tuned": tuned}, "scores": {}, "candidates": []}
    report.write_text(json.dumps(content))
    check_outputs(tuning_owners(output))
    output.write_text(json.dumps({**tuned, "iterations": 3}))  # by hand
    with pytest.raises(ValueError, match=r"^crf\.json is there"):
        check_outputs(tuning_owners(output))


@pytest.mark.parametrize("kind", [onnx, litert])
def test_an_export_replaces_only_exports(here, monkeypatch, kind):
    monkeypatch.setattr(kind, "check_exportable", lambda *_: None)
    write = {onnx: onnx.export_onnx, litert: litert.export_litert}[kind]
    output = here / {onnx: "a.onnx", litert: "a.tflite"}[kind]
    output.write_bytes(b"a model of somebody else")
    with pytest.raises(ValueError, match="did not write it"):
        write(None, output, size=(9, 9))
    assert output.read_bytes() == b"a model of somebody else"
    with zipfile.ZipFile(output, "a") as archive:
        archive.writestr("dataset.json", "{}")
    check_outputs({output: kind._is_own})


def test_shards_replace_only_shards(here):
    make_voc12(here / "voc")
    file = here / "out/val-00000-of-00001.tfrecord"
    content = foreign(file)
    with pytest.raises(ValueError, match=r"val-00000-of-00001\.tfrecord is there .*--output"):
        convert("voc12", here / "voc", here / "out", processes=1)
    assert list((here / "out").rglob("*")) == [file]
    assert file.read_bytes() == content


@pytest.mark.parametrize(
    "name",
    ["dataset.json", "model.keras", "last.keras", "metrics.jsonl", "wandb_run.json",
     "mlflow_run.json"],
)  # fmt: skip
def test_a_run_replaces_only_a_run(here, name):
    config, spec = base_config("vgg16_large_fov").to_dict(), DatasetSpec("toy", ("a", "b"))
    content = foreign(here / "run" / name)
    with pytest.raises(ValueError, match=rf"{name} is there .*give another --workdir"):
        Workdir(here / "run", config, spec)
    assert (here / "run" / name).read_bytes() == content
    for _ in range(2):
        Workdir(here / "new", config, spec).describe()


def test_a_mark_is_one_of_its_kind(here):
    Image.new("L", (3, 3)).save(here / "a.png", pnginfo=png_mark(PREDICTION))
    Image.new("L", (3, 3)).save(here / "b.png")
    assert [is_png_of(PREDICTION)(here / name) for name in ("a.png", "b.png", "none.png")] == [
        True, False, False,
    ]  # fmt: skip
    assert png_mark(None) is None
