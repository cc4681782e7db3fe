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
