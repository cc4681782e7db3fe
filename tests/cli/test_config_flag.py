import sys
import warnings
from unittest import mock

import pytest
from absl import flags
from ml_collections import config_flags

from deeplab_tf.cli import program
from deeplab_tf.cli.config_flag import config_error
from tests.imports import ROOT

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
        program._parse_flags(line, values)
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
    [("train.stps", "steps"), ("trian.steps", "train"), ("train.steps.foo", "train.steps")],
)
def test_unknown_key_names_the_nearest(capsys, key, nearest):
    message = refusal(capsys, f"--config={GOOD}", f"--config.{key}=5")
    assert message.startswith(f"{GOOD}: ") and nearest in message


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
    message = refusal(capsys, f"--config={path}")
    assert message.startswith(f"{path}: ") and "no attribute 'get_config'" in message


@pytest.mark.parametrize(
    "body",
    ["config.train.stps = 3", "config.train.update(stps=3)", "print(config.train.stps)",
     "config.update({'train': {'stps': 3}})"],
)  # fmt: skip
def test_unknown_key_in_a_file_names_line_and_nearest(capsys, tmp_path, body):
    path = config_file(tmp_path, body)
    message = refusal(capsys, f"--config={path}", "--config.train.steps=5")
    assert message.startswith(f"{path}, line 4: ") and "stps" in message and len(message) < 250


@pytest.mark.parametrize(
    ("body", "text"),
    [("config.train.steps = 'abc'", "cannot be casted to type <class 'int'>"),
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
     ("def get_config():\n    pass", "must have a value other than None")],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore")
def test_files_that_give_no_configuration(capsys, tmp_path, content, text):
    path = tmp_path / "own.py"
    path.write_text(content)
    message = refusal(capsys, f"--config={path}")
    assert message.startswith(f"{path}: ") and text in message and "Traceback" not in message


def test_an_argument_for_a_file_that_takes_none(capsys):
    message = refusal(capsys, f"--config={GOOD}:small")
    assert message.startswith(f"{GOOD}:small: ") and "positional argument" in message
    assert "Traceback" not in message


def test_syntax_error_in_a_file_names_the_line(capsys, tmp_path):
    path = config_file(tmp_path, "config.train.steps = (")
    assert refusal(capsys, f"--config={path}").startswith(f"{path}, line 4: ")


@pytest.mark.parametrize("again", [f"--config={GOOD}", "--config=zoo:quickstart"])
def test_two_configs_are_refused(capsys, again):
    assert refusal(capsys, f"--config={GOOD}", again).startswith("--config is given twice")


def test_what_is_wrong_with_other_flags_does_not_blame_the_config(capsys):
    message = refusal(capsys, f"--config={GOOD}", "--logical_devices=x")
    assert message == "flag --logical_devices=x: not a whole number"
    message = refusal(capsys, f"--config={GOOD}", "--logical_device=2")
    assert message.startswith("Unknown command line flag 'logical_device'")


def test_a_hint_that_has_nothing_to_do_with_the_key_is_not_given():
    """The nearest of ml_collections may be any key."""
    far = '\'early_stopping\'\nDid you mean "iter_size" instead of "early_stopping"?'
    near = '\'stepz\'\nDid you mean "steps" instead of "stepz"?'
    assert (
        config_error(AttributeError(KeyError(far)), "a.py") == "a.py: no such key 'early_stopping'"
    )
    assert config_error(AttributeError(KeyError(near)), "a.py") == (
        'a.py: no such key \'stepz\'; did you mean "steps" instead of "stepz"?'
    )


@pytest.mark.parametrize("key", ["early_stopping", "train.early_stopping"])
def test_a_key_without_a_near_one_is_named(capsys, key):
    message = refusal(capsys, "--config=zoo/quickstart.py", f"--config.{key}=3")
    assert message.endswith("no such key 'early_stopping'")


@pytest.mark.parametrize("error", ["KeyError", "AttributeError", "ValueError"])
def test_an_error_without_a_text_has_its_name(capsys, tmp_path, error):
    path = config_file(tmp_path, f"raise {error}")
    assert refusal(capsys, f"--config={path}") == f"{path}, line 4: {error}"


def test_a_config_may_leave_by_itself(tmp_path):
    path = config_file(tmp_path, "raise SystemExit('needs a GPU')")
    with pytest.raises(SystemExit, match="needs a GPU"):
        parse(f"--config={path}")
