"""What happens before TensorFlow and Keras are imported."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from deeplab_tf import start_up
from tests.imports import ROOT


@pytest.mark.parametrize("backend", ["torch", "jax"])
@pytest.mark.parametrize("imported", [False, True])
def test_another_backend_is_refused_in_one_line(monkeypatch, backend, imported):
    keras = SimpleNamespace(backend=SimpleNamespace(backend=lambda: backend))
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow" if imported else backend)
    monkeypatch.setitem(sys.modules, "keras", keras if imported else SimpleNamespace())
    text = f"KERAS_BACKEND={backend}: deeplab_tf computes in TensorFlow only"
    assert start_up.wrong_backend().startswith(text)


@pytest.mark.parametrize("backend", [None, "", "tensorflow"])
def test_tensorflow_is_taken(monkeypatch, backend):
    if backend is None:
        monkeypatch.delenv("KERAS_BACKEND", raising=False)
    else:
        monkeypatch.setenv("KERAS_BACKEND", backend)
    assert start_up.wrong_backend() is None


def test_what_works_for_a_program_starts_as_silently(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["sdk_worker_main.py"])
    monkeypatch.delenv(start_up.WORKER, raising=False)
    assert not start_up.is_program()
    monkeypatch.setenv(start_up.WORKER, "1")
    assert start_up.is_program()


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_it_is_one_line_of_a_program_and_an_import_error_in_python(backend):
    environment = {**os.environ, "KERAS_BACKEND": backend}
    for command in [str(ROOT / "tools/predict.py"), "--help"], ["-c", "import deeplab_tf"]:
        done = subprocess.run(
            [sys.executable, *command], env=environment, capture_output=True, text=True, cwd=ROOT
        )
        (*trace, line) = done.stderr.strip().splitlines()
        assert done.returncode == 1 and f"KERAS_BACKEND={backend}: deeplab_tf" in line
        assert bool(trace) == (command[0] == "-c")


# Prints a line for every module that is imported.
TRACED = [sys.executable, "-X", "importtime"]
DEEPLAB = "import sys; sys.argv[0] = 'deeplab'; from deeplab_tf.cli.main import main; main()"


def traced(*command):
    """Runs Python; returns the exit status, all lines on stderr and the modules imported."""
    done = subprocess.run([*TRACED, *command], capture_output=True, text=True, cwd=ROOT)
    lines = done.stderr.splitlines()
    imported = {line.rpartition("|")[2].strip() for line in lines if line.startswith("import time")}
    return done.returncode, [line for line in lines if not line.startswith("import ")], imported


@pytest.mark.parametrize("tool", sorted(start_up._QUICK))
def test_a_wrong_flag_is_answered_before_tensorflow_is_imported(tool):
    config = ["--config=zoo:quickstart"] if tool == "train" else []
    status, lines, imported = traced(f"tools/{tool}.py", *config, "--bogus=1")
    assert (status, lines[0]) == (1, "error: Unknown command line flag 'bogus'")
    assert "absl.flags" in imported and not {"tensorflow", "keras"} & imported


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "--config=zoo:none"], "no such file"),
        (["train", "--config=zoo:quickstart", "--logical_devices=-2"], "-2 is not an integer"),
        (["predict", "--overlay=x"], "neither true nor false"),
        (["evaluate", "--data_dir="], "A path is empty"),
        (["evaluate", "--data_dir=none"], "none: no such folder. Give a data set's folder or"),
        (["evaluate", "--workdir=none"], "none: no such folder. tools/train.py makes it"),
        (["predict", "--model=none.keras"], "none.keras: no such file. tools/train.py writes"),
        (["predict", "--input=none"], "none: no such file or folder"),
        (["train", "--config=zoo:quickstart", "--config.train.stepz=3"], "no such key 'stepz'"),
        (["train", "--config=zoo:quickstart", "--config.train.steps=a"], "not a whole number"),
        (["nothing"], "no command 'nothing'"),
    ],
)
def test_the_command_answers_as_early(words, message):
    _, (line, *_), imported = traced("-c", DEEPLAB, *words)
    assert line.startswith("error: ") and message in line
    assert not {"tensorflow", "keras"} & imported


CONFIG = """
from deeplab_tf import DeepLab
from deeplab_tf.training.config import base_config

def get_config():
    return base_config("vgg16_large_fov")
"""


@pytest.mark.slow
def test_a_configuration_may_use_what_packages_leave_out_until_then(tmp_path):
    (tmp_path / "own.py").write_text(CONFIG)
    command = ["tools/train.py", f"--config={tmp_path}/own.py", "--data_dir=synthetic"]
    _, (line, *_), imported = traced(*command, f"--workdir={tmp_path}", "--config.train.stepz=3")
    assert f"{tmp_path}/own.py: no such key 'stepz'" in line and "tensorflow" in imported


@pytest.mark.slow
def test_with_right_flags_the_rest_is_imported(tmp_path):
    status, lines, imported = traced(
        "tools/doctor.py", "--data_dir=synthetic", f"--output={tmp_path}", "--crop_size=33"
    )
    assert status == 0 and {"tensorflow", "deeplab_tf.data.augment"} <= imported, lines
    assert (tmp_path / "doctor.json").exists()
