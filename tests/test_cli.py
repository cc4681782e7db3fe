import io
import json
import sys
import types
import warnings
from unittest import mock

import pytest
import tensorflow as tf
from absl import flags
from ml_collections import config_flags

from deeplab_tf import cli
from deeplab_tf.crf import CrfParameters
from tests.build_files import ROOT

GOOD = str(ROOT / "zoo" / "quickstart.py")


def parse(*arguments):
    """Parses a command line as tools/train.py does."""
    values = flags.FlagValues()
    config_flags.DEFINE_config_file("config", flag_values=values)
    flags.mark_flag_as_required("config", flag_values=values)
    flags.DEFINE_integer("logical_devices", 1, "", flag_values=values)
    line = ["train.py", *arguments]
    # It loads every config under this name and would find the one of the test before.
    sys.modules.pop("config_config", None)
    # ml_collections looks for changed values in sys.argv.
    with mock.patch.object(sys, "argv", line), warnings.catch_warnings():
        # How it imports a file is deprecated in Python.
        warnings.simplefilter("ignore", DeprecationWarning)
        cli._parse_flags(line, values)
    return values


def refusal(capsys, *arguments):
    """Returns what is printed behind `error: `, which must be one line."""
    with pytest.raises(SystemExit) as stop:
        parse(*arguments)
    assert stop.value.code == 1
    out, error = capsys.readouterr()
    (line,) = error.splitlines()
    assert line.startswith("error: ") and not out
    return line.removeprefix("error: ")


def config_file(folder, body):
    path = folder / "own.py"
    path.write_text(
        "from deeplab_tf.training.config import base_config\n"
        "def get_config():\n"
        "    config = base_config('vgg16_large_fov')\n"
        f"    {body}\n"
        "    return config\n"
    )
    return path


def test_good_flags_are_parsed():
    values = parse(f"--config={GOOD}", "--config.train.steps=7", "--logical_devices=2")
    assert (values.config.train.steps, values.logical_devices) == (7, 2)


@pytest.mark.parametrize(
    ("key", "nearest"),
    [("train.stps", "train.steps"), ("trian.steps", "train.steps"),
     ("data.augmentatio", "data.augmentation"), ("train.steps.foo", "train.steps")],
)  # fmt: skip
def test_unknown_key_names_the_nearest(capsys, key, nearest):
    message = refusal(capsys, f"--config={GOOD}", f"--config.{key}=5")
    assert message == f"--config.{key}: no such key {key!r}; the nearest is {nearest}"


@pytest.mark.parametrize(
    ("key", "value"),
    [("train.steps", "abc"), ("train.steps", "1.5"), ("data.cache", "maybe"), ("train", "3")],
)
def test_wrong_type_names_key_and_value(capsys, key, value):
    message = refusal(capsys, f"--config={GOOD}", f"--config.{key}={value}")
    assert f"--config.{key}={value}" in message


def test_key_without_a_config_asks_for_one(capsys):
    message = refusal(capsys, "--config.train.steps=5")
    assert "config.train.steps" in message and "need --config=FILE" in message


def test_missing_flag_is_named(capsys):
    assert "--config must have a value" in refusal(capsys)


def test_unknown_flag_names_the_nearest(capsys):
    message = refusal(capsys, f"--config={GOOD}", "--lgical_devices=2")
    assert "lgical_devices" in message and "Did you mean: logical_devices" in message


@pytest.mark.parametrize("form", ["--config={}", "-config={}", "--config={}:argument"])
def test_missing_config_file_names_the_nearest(capsys, tmp_path, form):
    config_file(tmp_path, "pass")
    message = refusal(capsys, form.format(tmp_path / "won.py"))
    assert message == (
        f"--config={tmp_path}/won.py: no such file; the nearest is {tmp_path}/own.py"
    )


def test_missing_config_file_as_the_next_word(capsys):
    assert refusal(capsys, "--config", "no/where.py") == "--config=no/where.py: no such file"


def test_file_without_get_config(capsys, tmp_path):
    path = tmp_path / "empty.py"
    path.write_text("x = 1\n")
    assert refusal(capsys, f"--config={path}") == f"{path}: has no function get_config"


@pytest.mark.parametrize(
    "body",
    ["config.train.stps = 3", "config.train.update(stps=3)", "print(config.train.stps)",
     "config.update({'train': {'stps': 3}})"],
)  # fmt: skip
def test_unknown_key_in_a_file_names_line_and_nearest(capsys, tmp_path, body):
    path = config_file(tmp_path, body)
    message = refusal(capsys, f"--config={path}", "--config.train.steps=5")
    assert message == f"{path}, line 4: no such key 'stps'; the nearest is train.steps"


@pytest.mark.parametrize(
    ("body", "text"),
    [("config.train.steps = 'abc'", "steps"),
     ("config = base_config('vgg17')", "Received: 'vgg17'"),
     ("import no_such_module", "No module named 'no_such_module'"),
     ("config.train.steps = undefined", "name 'undefined' is not defined")],
)  # fmt: skip
def test_other_mistakes_in_a_file_name_the_line(capsys, tmp_path, body, text):
    path = config_file(tmp_path, body)
    message = refusal(capsys, f"--config={path}")
    assert message.startswith(f"{path}, line 4: ") and text in message


@pytest.mark.parametrize(
    ("content", "text"),
    [("x = 1\0", "source code string cannot contain null bytes"),
     ("get_config = 3", "'int' object is not callable"),
     ("def get_config(argument):\n    pass", "missing 1 required positional argument: 'argument'"),
     ("def get_config():\n    return {'train': 3}", "get_config returned {'train': 3}, not a"),
     ("def get_config():\n    pass", "get_config returned None, not a configuration")],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore")
def test_files_that_give_no_configuration(capsys, tmp_path, content, text):
    path = tmp_path / "own.py"
    path.write_text(content)
    message = refusal(capsys, f"--config={path}")
    assert message.startswith(f"{path}: ") and text in message and "Traceback" not in message


def test_an_argument_for_a_file_that_takes_none(capsys):
    message = refusal(capsys, f"--config={GOOD}:small")
    assert message.startswith(f"{GOOD}: ") and "positional argument" in message
    assert "Traceback" not in message


def test_syntax_error_in_a_file_names_the_line(capsys, tmp_path):
    path = config_file(tmp_path, "config.train.steps = (")
    assert refusal(capsys, f"--config={path}").startswith(f"{path}, line 4: ")


# === run ===


def exit_status(main, arguments=("tool",)):
    """Runs a program without absl's own parsing of the test session's command line."""
    with mock.patch.object(cli.app, "run") as started:
        cli.run(main)
    return started.call_args.args[0](list(arguments))


@pytest.mark.parametrize("kind", [ValueError, OSError, ImportError, FloatingPointError])
def test_what_main_raises_is_one_line(capsys, kind):
    def main():
        raise kind("broken.png: no image")

    assert exit_status(main) == 1
    assert capsys.readouterr().err == "error: broken.png: no image\n"


@pytest.mark.parametrize(
    ("raised", "line"),
    [(OSError(28, "cannot be written: no space left on device", "run/ckpt-2"),
      "run/ckpt-2: cannot be written: no space left on device"),
     (FileNotFoundError(2, "No such file or directory", "a.json"),
      "a.json: No such file or directory"),
     (OSError(28, "No space left on device"),
      "standard output: cannot be written: No space left on device"),
     (tf.errors.ResourceExhaustedError(None, None, "{{node x}} OOM when allocating [Op:Conv2D]"),
      "ResourceExhaustedError: OOM when allocating"),
     (tf.errors.InternalError(None, None, "two\nlines"), "InternalError: two"),
     (tf.errors.OpError(None, None, "no kind that has a class", 99),
      "OpError: no kind that has a class"),
     (MemoryError("Unable to allocate 7 GiB"), "not enough memory. Unable to allocate 7 GiB")],
)  # fmt: skip
def test_errors_of_system_and_tensorflow_are_one_line(capsys, raised, line):
    def main():
        raise raised

    assert exit_status(main) == 1
    assert capsys.readouterr().err == f"error: {line}\n"


def test_a_printed_line_is_in_the_file_before_the_program_ends(monkeypatch):
    file = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(file, write_through=False))
    seen = []

    def main():
        print("step 1")
        seen.append(file.getvalue())

    exit_status(main)
    assert seen == [b"step 1\n"]


def test_bugs_keep_their_traceback():
    def main():
        raise AssertionError("a bug")

    with pytest.raises(AssertionError):
        exit_status(main)


def test_status_of_main_is_handed_on_and_words_are_refused(capsys):
    assert exit_status(lambda: 3) == 3
    assert exit_status(lambda: 0, ("tool", "word")) == 1
    assert "['word']" in capsys.readouterr().err


# === --crf ===


@pytest.mark.parametrize(
    ("arguments", "value"),
    [([], False), (["--crf"], True), (["--nocrf"], False), (["--crf=true"], True),
     (["--crf=False"], False), (["--crf=0"], False), (["--crf=my/crf.json"], "my/crf.json")],
)  # fmt: skip
def test_spellings_of_crf(arguments, value):
    values = flags.FlagValues()
    original = flags.DEFINE_flag
    with mock.patch.object(cli.flags, "DEFINE_flag", lambda flag: original(flag, values)):
        cli.define_crf_flag()
    values(["tool", *arguments])
    assert values.crf == value and type(values.crf) is type(value)


def model_with(crf):
    return types.SimpleNamespace(crf=crf)


def test_no_crf_and_the_models_own():
    own = {"iterations": 7, "implementation": "pydensecrf"}
    assert cli.crf_parameters(False, model_with(own)) is None
    assert cli.crf_parameters(True, model_with(own)) == own
    with pytest.raises(ValueError, match="carries no CRF parameters"):
        cli.crf_parameters(True, model_with(None))


def test_crf_file_replaces_the_models_parameters(tmp_path):
    path = tmp_path / "crf.json"
    path.write_text(json.dumps({"iterations": 3, "bilateral_sigma_xy": 20.0}))
    own = {"iterations": 7, "bilateral_weight": 99.0, "implementation": "pydensecrf"}
    # What the file leaves out is the default, not the model's.
    wanted = {**CrfParameters().to_dict(), "iterations": 3, "bilateral_sigma_xy": 20.0}
    assert cli.crf_parameters(str(path), model_with(own)) == wanted
    assert cli.crf_parameters(str(path), model_with(None)) == wanted


def test_missing_crf_file_is_named(tmp_path):
    with pytest.raises((ValueError, OSError), match=r"none\.json"):
        cli.crf_parameters(str(tmp_path / "none.json"), model_with(None))


# === Predictor ===


@pytest.mark.parametrize("scales", [["1", "half"], [""], ["1;2"]])
def test_scales_are_numbers(scales):
    given = types.SimpleNamespace(value=scales)
    with pytest.raises(ValueError, match=r"--scales takes numbers such as 0\.5,0\.75,1"):
        cli.build_predictor(model_with(None), False, {"scales": given})
