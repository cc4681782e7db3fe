"""Which suite `tools/benchmark.py` starts with what; the suites themselves: tests/benchmarks."""

import json
from unittest import mock

import pytest
import tensorflow as tf

from benchmarks import (
    crf,
    evaluation,
    formats,
    image_to_labels,
    large_images,
    operations,
    scaling,
    serving,
    winograd,
)
from benchmarks import input as input_benchmark
from tests.models.narrow import narrow_model
from tests.tools.loading import loaded, parse

SUITES = {
    "crf": crf, "input": input_benchmark, "evaluate": evaluation, "predict": image_to_labels,
    "tiles": large_images, "formats": formats, "serving": serving,
    "winograd": winograd, "operations": operations, "scaling": scaling,
}  # fmt: skip


def start(words):
    """Runs the tool's main; returns what the suite was called with."""
    suite, called = SUITES[words[0].removeprefix("--suite=")], []

    def run(*arguments):
        called.extend(arguments)
        return {"figure": 1.5}

    with loaded("benchmark.py") as tool, mock.patch.object(suite, "run", run):
        parse(words)
        with mock.patch("tensorflow.config.threading"):  # TensorFlow runs already
            tool.main()
    return called


@pytest.fixture(scope="module")
def flags(tmp_path_factory):
    file = tmp_path_factory.mktemp("model") / "model.keras"
    narrow_model(width=0.05).save(file)
    return [f"--model={file}", "--data_dir=synthetic", "--repeats=2", "--threads=1"]


@pytest.mark.parametrize(
    ("suite", "last"),
    [("crf", [2, 1]), ("evaluate", [2]), ("predict", [2, 1]), ("tiles", ["synthetic"]),
     ("formats", ["synthetic", 2, 1]), ("serving", [2, 7]), ("input", ["synthetic", "S", 2]),
     ("winograd", [2]), ("operations", [2]), ("scaling", [])],
)  # fmt: skip
def test_every_suite_gets_what_the_flags_say(suite, last, flags, tmp_path):
    words = [f"--suite={suite}", *flags, "--requests=7", "--shards=S"]
    found = start([*words, f"--output={tmp_path / 'new' / 'figures.json'}"])
    assert found[-len(last) :] == last
    written = json.loads((tmp_path / "new" / "figures.json").read_text())
    machine = written.pop("machine")
    assert written == {"suite": suite, "figure": 1.5}
    assert machine["processor"] and machine["packages"]["tensorflow"] == tf.__version__


@pytest.mark.parametrize("suite", ["evaluate", "tiles", "formats", "serving"])
def test_suites_that_need_a_model_and_data_say_so(suite):
    with pytest.raises(ValueError, match=f"--suite={suite} needs --model and --data_dir"):
        start([f"--suite={suite}"])


def test_one_of_the_two_is_not_enough_for_the_crf(flags):
    with pytest.raises(ValueError, match="Give --model and --data_dir together"):
        start(["--suite=crf", flags[0]])
