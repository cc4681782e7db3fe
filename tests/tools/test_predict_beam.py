"""tools/predict_beam.py; what needs Apache Beam runs where it is installed."""

import json
import os
import re
import shlex

import numpy as np
import pytest
from absl import flags

import deeplab_tf
from deeplab_tf.data.image import read_upright
from deeplab_tf.data.png import read_label
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.evaluation.beam import read_label_records
from tests.data.archives import save_image
from tests.models.narrow import narrow_model
from tests.tools.commands import ROOT, Command
from tests.tools.loading import call, loaded, refusal

SPEC = DatasetSpec("three", ("sky", "road", "tree"))
TWO_PROCESSES = ("--", "--direct_running_mode=multi_processing", "--direct_num_workers=2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model and images, two of which are broken."""
    folder = tmp_path_factory.mktemp("beam")
    # Workers are processes of their own, which no test makes shallow.
    network = narrow_model(width=0.05, num_classes=None, dataset=SPEC, crf={"iterations": 2})
    network.save(folder / "model.keras")
    for number in range(9):
        save_image(folder / f"in/{'deep/' * (number % 2)}{number}.png", number)
    (folder / "in/2.png").write_bytes((folder / "in/2.png").read_bytes()[:90])
    (folder / "in/deep/5.png").write_text("text")
    return folder


@pytest.fixture
def here(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(folder)
    return tmp_path


def arguments(output, *more, source="in"):
    return [
        "predict_beam.py", "--model=model.keras", f"--input={source}", f"--output={output}",
        "--images_per_shard=3", *more,
    ]  # fmt: skip


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.png")}


def letters(folder):
    lines = [line for file in folder.glob("*.jsonl") for line in file.read_text().splitlines()]
    return {letter["name"]: letter for letter in map(json.loads, lines)}


# === Labels ===


@pytest.mark.slow
def test_two_processes_label_as_predict_does(folder, here):
    """Needs Apache Beam."""
    environment = {"PYTHONPATH": str(ROOT)}
    tool, *flags_ = arguments(here / "beam", "--crf", *TWO_PROCESSES)
    status, printed, complaint = Command(tool, *flags_, environment=environment).wait()
    assert status == 0, complaint
    assert "9 images in 3 shards\n" in printed and "7 labelled, 2 broken, 0 skipped" in printed
    assert f"2 dead letters: {here / 'beam'}/dead_letters-*.jsonl" in printed
    assert complaint.count("INFO:deeplab_tf.predict_beam:shard") == 3
    assert "Could not find cuda" not in complaint
    predict = ["predict.py", "--model=model.keras", "--input=in", f"--output={here}/one", "--crf"]
    assert call(*predict) == 1
    assert contents(here / "beam") == contents(here / "one") and len(contents(here / "one")) == 7
    assert letters(here / "beam").keys() == {"2.png", "deep/5.png"}
    assert letters(here / "beam")["deep/5.png"]["path"] == str(folder / "in/deep/5.png")
    assert "no image of a known format" in letters(here / "beam")["deep/5.png"]["reason"]


@pytest.mark.slow
def test_one_process_goes_on_where_another_ended(folder, here, capsys):
    """Needs Apache Beam."""
    assert call(*arguments(here / "beam", "--flip", "--scales=0.5,1")) == 0
    first = contents(here / "beam")
    os.remove(here / "beam/0.png")
    assert call(*arguments(here / "beam", "--resume", "--flip", "--scales=0.5,1")) == 0
    printed = capsys.readouterr().out
    assert "\n1 labelled, 2 broken, 6 skipped, " in printed
    assert contents(here / "beam") == first
    predictor = deeplab_tf.Predictor(deeplab_tf.load("model.keras"), scales=(0.5, 1.0), flip=True)
    labels = predictor(read_upright(folder / "in/0.png"))
    np.testing.assert_array_equal(read_label(here / "beam/0.png"), labels)


@pytest.mark.slow
@pytest.mark.parametrize("format", ["tfrecord", "parquet"])
def test_shards_of_records(here, folder, capsys, format):
    """Needs Apache Beam."""
    flags_ = arguments(here / "x", f"--format={format}", "--precision=float32")
    assert call(*flags_) == 0
    predictor = deeplab_tf.Predictor(deeplab_tf.load("model.keras"))
    names = []
    for number in range(3):
        for record in read_label_records(here / f"x-0000{number}-of-00003.{format}"):
            labels = predictor(read_upright(folder / "in" / record.name))
            np.testing.assert_array_equal(record.labels, labels)
            names.append(record.name)
    assert len(names) == 7 and names == sorted(names)
    assert json.loads((here / "x.json").read_text())["class_names"] == [*SPEC.class_names]
    with pytest.raises(ValueError, match=rf"x-00000-of-00003\.{format} is there, of an earlier"):
        call(*flags_)
    (here / f"x-00001-of-00003.{format}").unlink()
    assert call(*flags_, "--resume") == 0
    assert "\n3 labelled, 0 broken, 6 skipped, " in capsys.readouterr().out
    assert call(*flags_, "--overwrite", "--images_per_shard=9") == 0
    assert {path.name for path in here.iterdir()} == {
        "x.json", f"x-00000-of-00001.{format}", "x-dead_letters-00000-of-00001.jsonl",
    }  # fmt: skip


@pytest.mark.slow
def test_a_runner_that_does_not_count_is_no_failure(here, monkeypatch, capsys):
    from apache_beam.runners.portability.fn_api_runner.fn_runner import RunnerResult

    def metrics(self):
        raise NotImplementedError

    monkeypatch.setattr(RunnerResult, "metrics", metrics)
    call(*arguments(here / "out"))
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"done: {here / 'out'}; the runner does not count what was labelled"
    assert len(contents(here / "out")) == 7


@pytest.mark.slow
def test_no_label_at_all_is_a_failure(here, capsys):
    """Needs Apache Beam."""
    (here / "list.txt").write_text("none.jpg\nnone_either.jpg\n")
    assert call(*arguments(here / "out", source=here / "list.txt")) == 1
    told, complaint = capsys.readouterr()
    assert "0 labelled, 2 broken, 0 skipped" in told
    assert "error: no image could be labelled; the dead letters say why\n" in complaint
    assert letters(here / "out")["none.jpg"]["reason"].startswith("cannot be read (No such file")


# === Flags ===


def test_a_misspelt_option_of_beam_is_one_line_before_the_model_is_loaded(here, capsys):
    """Needs Apache Beam."""
    flags_ = arguments(here / "out", "--model=none.keras")
    line = refusal(capsys, *flags_, "--", "--direct_num_wrokers=2")
    assert line.endswith("no option --direct_num_wrokers; did you mean --direct_num_workers?")
    assert not list(here.iterdir())


def test_without_beam_the_extra_is_named(here, capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    tool, *flags_ = arguments(here / "out", "--", "--runner=DirectRunner")
    with pytest.raises(ImportError, match=r"pip install 'deeplab_tf\[beam\]'"):
        call(tool, *flags_)


def test_documented_options_of_beam_are_known():
    """Needs Apache Beam."""
    from deeplab_tf.evaluation.beam.beam_options import pipeline_options

    text = re.sub(r"\\\n\s*", "", (ROOT / "docs/beam.md").read_text())
    commands = re.findall(r"predict_beam\.py[^`\n]* -- ([^`\n]*)", text)
    assert len(commands) > 4
    for command in commands:
        pipeline_options(shlex.split(command))


@pytest.mark.parametrize("name", ["model", "input", "output"])
def test_a_path_or_an_address(name):
    with loaded("predict_beam.py"):
        parser = flags.FLAGS[name].parser
        assert parser.parse("gs://bucket/a b") == "gs://bucket/a b"
        assert parser.parse("~/a") == os.path.expanduser("~/a")
        for wrong in ("", " ", "gs:/bucket", "gs://"):
            with pytest.raises(ValueError, match=r"A path is empty|an address, not a path"):
                parser.parse(wrong)
