"""What holds for the flags of all programs."""

import os

import pytest
from absl import flags

from deeplab_tf.cli.config_flag import expand_config
from tests.tools.commands import TOOLS
from tests.tools.loading import loaded, shown_flags

# Flags that take a text and no path. A flag that takes a path is one of `cli.define_path_flag`.
TEXTS = {"host", "server", "model_name", "size", "split", "held_out_split", "scales", "networks",
         "group_by", "format", "classes", "bands"}  # fmt: skip
PATHS = {
    "benchmark.py": {"data_dir", "model", "output", "shards"},
    "benchmark_tables.py": {"document", "results"},
    "convert_dataset.py": {"label_map", "output", "source"},
    "demo.py": {"crf", "model"},
    "doctor.py": {"data_dir", "output"},
    "evaluate.py": {
        "card",
        "card_notes",
        "compare",
        "crf",
        "data_dir",
        "model",
        "output",
        "workdir",
    },
    "export.py": {"calibrate_on", "crf", "model", "output", "verify_on"},
    "import_weights.py": {"data_dir", "output", "source"},
    "merge_metrics.py": {"output", "parts"},
    # Their other paths may be addresses, see tests/tools/test_predict_beam.py and
    # tests/training/test_remote_workdir.py.
    "predict_beam.py": {"crf"},
    "train.py": {"data_dir"},
    "predict.py": {"crf", "input", "model", "output"},
    "quickstart_summary.py": {"workdir"},
    "serve_client.py": {"dataset", "input", "output"},
    "tune_crf.py": {"data_dir", "model", "output", "start"},
    "write_synthetic.py": {"output"},
}


@pytest.fixture(scope="module", params=TOOLS)
def tool(request):
    """A program's name, its flags, and which of them --help shows."""
    before = set(flags.FLAGS)
    with loaded(request.param) as module:
        found = {name: flags.FLAGS[name] for name in set(flags.FLAGS) - before}
        yield request.param, found, shown_flags(module)


def refuses(flag, value):
    try:
        flag.parser.parse(value)
    except ValueError:
        return True
    return False


def test_every_path_is_taken_by_the_one_rule(tool):
    name, found, _ = tool
    taken = {flag for flag in found if flag != "config" and not refuses(found[flag], ".")}
    texts = {flag for flag in taken if not refuses(found[flag], "gs://bucket/x")}
    assert taken - texts == PATHS[name]


def test_every_other_text_is_known_to_be_no_path(tool):
    _, found, _ = tool
    texts = {
        flag.name
        for flag in found.values()
        if type(flag.parser) in (flags.ArgumentParser, flags.ListParser)
    }
    assert texts <= TEXTS, "use cli.define_path_flag, or add to TEXTS if it is no path"


def test_home_and_empty_paths(tool, tmp_path, monkeypatch):
    name, found, _ = tool
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a b").mkdir()
    for path in PATHS[name]:
        assert found[path].parser.parse("~/a b") == os.path.expanduser("~/a b")
        with pytest.raises(ValueError, match="A path is empty"):
            found[path].parser.parse("")


def test_help_shows_every_flag(tool):
    _, found, shown = tool
    assert set(found) == shown


@pytest.mark.parametrize("form", ["--config=~/own.py", "--config ~/own.py", "-config=~/own.py"])
def test_the_configuration_may_lie_at_home(tmp_path, monkeypatch, form):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "own.py").write_text("")
    arguments, file = expand_config(["train.py", *form.split(" "), "--config.train.steps=3"])
    assert file == str(tmp_path / "own.py") and "~" not in " ".join(arguments)
    assert arguments[-1] == "--config.train.steps=3"
