"""Ten kinds of odd command lines, every one on every program: one line, and nothing is written."""

import json
import socket

import pytest

import deeplab_tf
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.pretrained import open_network
from tests.data.archives import save_image
from tests.data.fakes import make_voc_folder
from tests.evaluation.shards import image_pairs, results_of
from tests.tools.commands import TOOLS
from tests.tools.loading import run_here

# Good command lines; a row's flag comes behind them and counts.
GOOD = {
    "benchmark.py": "--suite=tiles --model=model.keras --data_dir=data --output=new.json",
    "benchmark_tables.py": "--results=results --document=document.md",
    "convert_dataset.py": "--dataset=folder --source=source --output=new",
    "demo.py": "--model=model.keras --crf=crf.json",
    "doctor.py": "--data_dir=data --output=new",
    "evaluate.py": "--model=model.keras --data_dir=data --output=new",
    "export.py": "--model=model.keras --output=new/1",
    "import_weights.py": "--source=net.caffemodel --config=zoo:quickstart --data_dir=data "
    "--output=new.keras",
    "merge_metrics.py": "--parts=shard.json --output=new",
    "predict.py": "--model=model.keras --input=photos --output=new",
    "predict_beam.py": "--model=model.keras --input=photos --output=new",
    "quickstart_summary.py": "--workdir=run",
    "serve_client.py": "--server=localhost:9 --dataset=data --input=photos --output=new",
    "train.py": "--config=zoo:quickstart --data_dir=data --workdir=new",
    "tune_crf.py": "--model=model.keras --data_dir=data --output=new.json --workers=1",
    "write_synthetic.py": "--output=new",
}
MODEL, DATA = "none.keras: no such file", "none: no such folder"
TEMPLATE = "empty/dataset.json: no such file, and the classes are never guessed"
NOT_A_FOLDER = "file: a file, not a folder"
IN_A_FILE, NOT_MADE = "cannot be written: file is not a folder", "cannot be written: nothing can be"
THERE = "is there and this program did not write it"
IS_FOLDER, EMPTY_PATH = "Is a directory", "A path is empty; give a file or a folder"
NEEDS_CONFIG = "keys of a configuration need --config=FILE"
NO_IMAGES = "no images"
# Kind -> program -> the flag that makes its good command line odd, and a part of the message.
ODD = {
    "missing file": {
        "benchmark.py": ("--model=none.keras", MODEL),
        "benchmark_tables.py": ("--document=none.md", "none.md: No such file"),
        "convert_dataset.py": ("--source=none", DATA),
        "demo.py": ("--model=none.keras", MODEL),
        "doctor.py": ("--data_dir=none", DATA),
        "evaluate.py": ("--model=none.keras", MODEL),
        "export.py": ("--verify_on=none", f"none: {NO_IMAGES}"),
        "import_weights.py": ("--source=none.caffemodel", "none.caffemodel: no such file"),
        "merge_metrics.py": ("--parts=none.json", "none.json: no such file"),
        "predict.py": ("--input=none", "none: no such file or folder"),
        "predict_beam.py": ("--input=none", f"none: {NO_IMAGES}"),
        "quickstart_summary.py": ("--workdir=none", "none/eval-val/metrics.json: No such file"),
        "serve_client.py": ("--dataset=none", DATA),
        "train.py": ("--data_dir=none", DATA),
        "tune_crf.py": ("--start=none.json", "none.json: cannot be read: No such file"),
        "write_synthetic.py": ("--output=gs://none/new", "an address, not a path"),
    },
    "folder for a file": {
        "benchmark.py": ("--model=empty", "empty: a folder. Give the .keras file"),
        "benchmark_tables.py": ("--document=empty", f"empty: {IS_FOLDER}"),
        "convert_dataset.py": ("--source=as_folders", f"dataset.json: {IS_FOLDER}"),
        "demo.py": ("--crf=empty", f"empty: cannot be read: {IS_FOLDER}"),
        "doctor.py": ("--data_dir=as_folders", f"dataset.json: {IS_FOLDER}"),
        "evaluate.py": ("--crf=empty", f"empty: cannot be read: {IS_FOLDER}"),
        "export.py": ("--model=empty", "empty: a folder. Give the .keras file"),
        "import_weights.py": ("--format=caffe --source=empty", "weights file not found: empty"),
        "merge_metrics.py": ("--parts=empty", f"empty: {IS_FOLDER}"),
        "predict.py": ("--crf=empty", f"empty: cannot be read: {IS_FOLDER}"),
        "predict_beam.py": ("--crf=empty", f"empty: cannot be read: {IS_FOLDER}"),
        "quickstart_summary.py": ("--workdir=as_folders", f"metrics.json: {IS_FOLDER}"),
        "serve_client.py": ("--dataset=as_folders", f"dataset.json: {IS_FOLDER}"),
        "train.py": ("--data_dir=as_folders", f"dataset.json: {IS_FOLDER}"),
        "tune_crf.py": ("--start=empty", f"empty: cannot be read: {IS_FOLDER}"),
        "write_synthetic.py": ("--output=as_folders", f"as_folders/dataset.json {THERE}"),
    },
    "file for a folder": {
        "benchmark.py": ("--data_dir=file", NOT_A_FOLDER),
        "benchmark_tables.py": ("--results=file", "file/m/train.json: Not a directory"),
        "convert_dataset.py": ("--source=file", NOT_A_FOLDER),
        "demo.py": ("--model=file", "file: not a .keras file"),
        "doctor.py": ("--data_dir=file", NOT_A_FOLDER),
        "evaluate.py": ("--data_dir=file", NOT_A_FOLDER),
        "export.py": ("--output=file", "file exists. Give a new version"),
        "import_weights.py": ("--data_dir=file", NOT_A_FOLDER),
        "merge_metrics.py": ("--output=file", IN_A_FILE),
        "predict.py": ("--output=file", IN_A_FILE),
        "predict_beam.py": ("--output=file", IN_A_FILE),
        "quickstart_summary.py": ("--workdir=file", "Not a directory"),
        "serve_client.py": ("--dataset=file", NOT_A_FOLDER),
        "train.py": ("--data_dir=file", NOT_A_FOLDER),
        "tune_crf.py": ("--data_dir=file", NOT_A_FOLDER),
        "write_synthetic.py": ("--output=file", IN_A_FILE),
    },
    "empty folder": {
        "benchmark.py": ("--data_dir=empty", TEMPLATE),
        "benchmark_tables.py": ("--results=empty", "empty/m/train.json: No such file"),
        "convert_dataset.py": ("--source=empty", TEMPLATE),
        "demo.py": ("--model=empty", "empty: a folder. Give the .keras file"),
        "doctor.py": ("--data_dir=empty", TEMPLATE),
        "evaluate.py": ("--data_dir=empty", TEMPLATE),
        "export.py": ("--verify_on=empty", f"empty: {NO_IMAGES}"),
        "import_weights.py": ("--data_dir=empty", TEMPLATE),
        "merge_metrics.py": ("--parts=empty/*.json", "empty/*.json: no such file"),
        "predict.py": ("--input=empty", f"empty: {NO_IMAGES}"),
        "predict_beam.py": ("--input=empty", f"empty: {NO_IMAGES}"),
        "quickstart_summary.py": ("--workdir=empty", "metrics.json: No such file"),
        "serve_client.py": ("--input=empty", f"empty: {NO_IMAGES}"),
        "train.py": ("--data_dir=empty", TEMPLATE),
        "tune_crf.py": ("--data_dir=empty", TEMPLATE),
        "write_synthetic.py": ("--train=0 --val=0", "There is no split to write"),
    },
    # Not even root makes a file in /proc.
    "no permission": {
        "benchmark.py": ("--output=/proc/new.json", NOT_MADE),
        "benchmark_tables.py": ("--document=/proc/new.md", "/proc/new.md: No such file"),
        "convert_dataset.py": ("--output=/proc/new", NOT_MADE),
        "demo.py": ("--host=1.2.3.4", "Port 7860 of 1.2.3.4 cannot be had"),
        "doctor.py": ("--output=/proc/new", NOT_MADE),
        "evaluate.py": ("--output=/proc/new", NOT_MADE),
        "export.py": ("--output=/proc/new/1", "/proc/new/1: cannot be written"),
        "import_weights.py": ("--output=/proc/new.keras", NOT_MADE),
        "merge_metrics.py": ("--output=/proc/new", NOT_MADE),
        "predict.py": ("--output=/proc/new", NOT_MADE),
        "predict_beam.py": ("--output=/proc/new", NOT_MADE),
        "quickstart_summary.py": ("--workdir=/proc/new", "metrics.json: No such file"),
        "serve_client.py": ("--output=/proc/new", NOT_MADE),
        "train.py": ("--workdir=/proc/new", NOT_MADE),
        "tune_crf.py": ("--output=/proc/new.json", NOT_MADE),
        "write_synthetic.py": ("--output=/proc/new", NOT_MADE),
    },
    "output exists": {
        "benchmark.py": ("--output=out/metrics.json", THERE),
        "benchmark_tables.py": ("--document=no_tables.md", "it needs at least one"),
        "convert_dataset.py": ("--output=data", "data: holds another data set (fake)"),
        "demo.py": ("--port=TAKEN", "of 127.0.0.1 cannot be had (Address already in use)"),
        "doctor.py": ("--output=out", THERE),
        "evaluate.py": ("--output=out", THERE),
        "export.py": ("--output=out", "out exists. Give a new version"),
        "import_weights.py": ("--output=model.keras", THERE),
        "merge_metrics.py": ("--output=out", THERE),
        "predict.py": ("--output=out", THERE),
        "predict_beam.py": ("--output=out", THERE),
        "quickstart_summary.py": ("--workdir=other", "not the metrics before and after the CRF"),
        "serve_client.py": ("--output=out", THERE),
        "train.py": ("--workdir=data", THERE),
        "tune_crf.py": ("--output=out/metrics.json", THERE),
        "write_synthetic.py": ("--output=data", THERE),
    },
    "unknown key": {
        **dict.fromkeys(GOOD, ("--config.train.steps=3", NEEDS_CONFIG)),
        "demo.py": ("--crf=unknown.json", "Unknown CRF parameter 'iteration'"),
        "doctor.py": ("--config=zoo:quickstart --config.data.croop=3", "croop"),
        "evaluate.py": ("--crf=unknown.json", "Unknown CRF parameter 'iteration'"),
        "export.py": ("--crf=unknown.json", "Unknown CRF parameter 'iteration'"),
        "import_weights.py": ("--config.train.stepz=3", "stepz"),
        "predict.py": ("--crf=unknown.json", "Unknown CRF parameter 'iteration'"),
        "predict_beam.py": ("--crf=unknown.json", "Unknown CRF parameter 'iteration'"),
        "train.py": ("--config.train.stepz=3", "stepz"),
        "tune_crf.py": ("--start=unknown.json", "Unknown CRF parameter 'iteration'"),
    },
    "unknown flag": dict.fromkeys(
        GOOD, ("--modell=x", "error: Unknown command line flag 'modell'")
    ),
    "empty value": {
        "benchmark.py": ("--suite=forward --networks=", "The networks of this suite are"),
        "benchmark_tables.py": ("--results=", EMPTY_PATH),
        "convert_dataset.py": ("--output=", EMPTY_PATH),
        "demo.py": ("--host=", "flag --host=: is empty"),
        "doctor.py": ("--split=", "flag --split=: is empty"),
        "evaluate.py": ("--split=", "flag --split=: is empty"),
        "export.py": ("--size=", "flag --size=: is empty"),
        "import_weights.py": ("--source=", EMPTY_PATH),
        "merge_metrics.py": ("--parts=", EMPTY_PATH),
        "predict.py": ("--scales=", "scales must be 1 to 32"),
        "predict_beam.py": ("--scales=", "scales must be 1 to 32"),
        "quickstart_summary.py": ("--workdir=", EMPTY_PATH),
        "serve_client.py": ("--model_name=", "flag --model_name=: is empty"),
        "train.py": ("--workdir=", "error: flag --workdir=: A path is empty"),
        "tune_crf.py": ("--held_out_split=", "flag --held_out_split=: is empty"),
        "write_synthetic.py": ("--train=", "flag --train=: not a whole number"),
    },
    "out of range": {
        "benchmark.py": ("--side=0", "flag --side=0: 0 is not a positive integer"),
        "benchmark_tables.py": ("--document=no_end.md", "1 lines <!-- results: MACHINE"),
        "convert_dataset.py": ("--processes=0", "0 is not an integer in the range [1, 1024]"),
        "demo.py": ("--port=70000", "70000 is not an integer in the range"),
        "doctor.py": ("--crops=0", "0 is not an integer in the range [1, 1000]"),
        "evaluate.py": ("--tile=0", "tile must be at least 9 here. Received: tile=0"),
        "export.py": ("--min_agreement=2", "2.0 is not a number in the range"),
        "import_weights.py": ("--config.model.width=0", "width must be"),
        "merge_metrics.py": ("--parts=out_of_range.json", "not a metrics.json of evaluate.py"),
        "predict.py": ("--scales=-1", "scales must be 1 to 32 positive"),
        "predict_beam.py": ("--images_per_shard=0", "=0: 0 is not a positive integer"),
        "quickstart_summary.py": ("--workdir=other", "not the metrics before and after the CRF"),
        "serve_client.py": ("--server=localhost:99999", "with a port from 1 to 65535"),
        "train.py": ("--config.train.steps=-1", "must be a whole number from 1"),
        "tune_crf.py": ("--held_out=100000", "to hold out 100000 leaves none to tune on"),
        "write_synthetic.py": ("--val=-1", "-1 is not a non-negative integer"),
    },
}
ROWS = [(kind, tool, *row) for kind, rows in ODD.items() for tool, row in rows.items()]
# Others that were found to go wrong.
ROWS += [
    ("nothing to mend", "doctor.py", "--fix --data_dir=synthetic", "has nothing to mend"),
    ("a folder with files", "doctor.py", "--fix --output=out", "out: is not empty"),
    ("half a command", "doctor.py", "--in_place", "--in_place belongs to --fix"),
    ("twice", "train.py", "--config=zoo:quickstart", "--config is given twice"),
    # Before the data is looked at, which may take minutes.
    ("no class", "train.py", "--config.train.callbacks=none:A() --data_dir=data", "none"),
    ("no callback", "train.py", "--config.train.callbacks=None_() --data_dir=file", "None_"),
    ("no weights", "train.py", "--config.model.weights=none.h5 --data_dir=file", "none.h5"),
    ("unknown weights", "train.py", "--config.model.weights=imagenett --data_dir=file", "did you"),
    ("no net", "import_weights.py", "", "net.caffemodel holds no layers with weights"),
    ("a word for a number", "train.py", "--logical_devices=x", "=x: not a whole number"),
    ("a word for a switch", "predict.py", "--overlay=x", "=x: neither true nor false"),
    ("an unknown value", "train.py", "--strategy=x", "error: flag --strategy=x: value should be"),
    ("a port that is none", "serve_client.py", "--server=localhost:x", "must be HOST:PORT"),
    ("below a file", "export.py", "--output=file/1", "file/1: cannot be written"),
    ("no such shard", "evaluate.py", "--shard=9/8", "--shard=9/8: A shard is (number, shards)"),
    ("a shard of none", "evaluate.py", "--shard=1/9", "2 images cannot be cut into 9 shards"),
    ("not a shard", "evaluate.py", "--shard=2", "--shard=2: must be NUMBER/SHARDS such as 2/8"),
    ("an empty list", "predict_beam.py", "--input=empty.txt", "empty.txt: no images; the list"),
    ("a word", "predict_beam.py", "more", "unexpected arguments ['more']; every"),
    ("an option of Beam", "predict_beam.py", "--runner=x", "Unknown command line flag 'runner'"),
    ("a shard of others", "predict_beam.py", "--format=tfrecord --output=out/doctor", THERE),
    ("an address that is none", "predict_beam.py", "--output=gs:/x", "gs:/x: an address, not a"),
    ("an unknown row", "benchmark.py", "--suite=forward --networks=x", "Received: 'x'"),
    ("other figures", "benchmark_tables.py", "--results=other", "not figures that tools/benchmark"),
    ("no text", "benchmark_tables.py", "--document=latin.md", "latin.md: no text in UTF-8"),
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What the command lines name."""
    here = tmp_path_factory.mktemp("here")
    make_voc_folder(here / "data")
    for name in ("images", "masks"):
        save_image(here / f"source/{name}/a.png", 0)
    (here / "source/dataset.json").write_text('{"name": "other", "class_names": ["a", "b"]}')
    (here / "empty").mkdir()
    (here / "file").write_text("text")
    save_image(here / "photos/a.png", 0)
    for name in ("a.png", "metrics.json", "doctor.json"):
        (here / "out").mkdir(exist_ok=True)
        (here / "out" / name).write_text("{}")
    (here / "as_folders/dataset.json").mkdir(parents=True)
    (here / "as_folders/eval-val/metrics.json").mkdir(parents=True)
    for name in ("eval-val/metrics.json", "m/train.json"):
        (here / "other" / name).parent.mkdir(parents=True)
        (here / "other" / name).write_text('{"suite": "train"}')
    (here / "crf.json").write_text("{}")
    (here / "model.keras").touch()
    (here / "net.caffemodel").touch()
    (here / "empty.txt").write_text("\n")
    shard = results_of(image_pairs(1), (1, 1))
    (here / "shard.json").write_text(json.dumps(shard))
    (here / "out_of_range.json").write_text(json.dumps({**shard, "images": -1}))
    (here / "unknown.json").write_text(json.dumps({"iteration": 3}))
    begin, end = "<!-- results: m/train.json -->\n", "<!-- end of results -->\n"
    (here / "document.md").write_text(begin + end)
    (here / "no_end.md").write_text(begin)
    (here / "no_tables.md").write_text("# Title\n")
    (here / "latin.md").write_bytes(b"\xe9")
    return here


@pytest.fixture(scope="module")
def model(shallow_vgg):
    spec = DatasetSpec("fake", tuple(f"class {i}" for i in range(4)))
    return deeplab_tf.DeepLab(width=0.05, fc6_filters=8, dataset=spec)


@pytest.fixture
def here(folder, model, monkeypatch):
    """The folder, where model.keras is a network that need not be read."""
    opened = open_network.load_model
    monkeypatch.setattr(
        open_network,
        "load_model",
        lambda path: model if str(path) == "model.keras" else opened(path),
    )
    monkeypatch.chdir(folder)
    return folder


def contents(folder):
    return {p: p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}


def test_every_kind_is_tried_on_every_program():
    assert set(GOOD) == set(TOOLS)
    assert len(ODD) == 10
    assert all(set(rows) == set(TOOLS) for rows in ODD.values())


@pytest.mark.parametrize(
    ("kind", "tool", "odd", "message"), ROWS, ids=[f"{row[1]}-{row[0]}" for row in ROWS]
)
def test_one_line_and_nothing_is_written(here, capsys, kind, tool, odd, message):
    before = contents(here)
    with socket.create_server(("127.0.0.1", 0)) as server:
        odd = odd.replace("TAKEN", str(server.getsockname()[1]))
        assert run_here(tool, *f"{GOOD[tool]} {odd}".split()) == 1
    told, complaint = capsys.readouterr()
    lines = [line for line in complaint.splitlines() if not line.startswith("WARNING")]
    assert lines[0].startswith("error: ") and message in lines[0]
    # A missing dataset.json is shown as a template.
    assert len(lines) == (4 if message == TEMPLATE else 1)
    assert "error" not in told.lower()
    assert contents(here) == before
