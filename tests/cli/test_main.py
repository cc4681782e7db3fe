import os
import re
import subprocess
import sys

import pytest

import deeplab_tf
from deeplab_tf.cli import main as main_module
from tests.tools.commands import ROOT


def call(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["deeplab", *words])
    return main_module.main()


def test_every_program_is_a_command():
    files = {path.stem for path in (ROOT / "deeplab_tf" / "programs").glob("*.py")}
    assert set(main_module.COMMANDS.values()) == files - {"__init__"}


def test_help_lists_the_commands_with_what_they_do(monkeypatch, capsys):
    assert call(monkeypatch) == 0
    out = capsys.readouterr().out
    assert re.search(r"^  train +Trains a network\.$", out, re.MULTILINE)
    assert all(f"  {command} " in out for command in main_module.COMMANDS)


def test_version(monkeypatch, capsys):
    assert call(monkeypatch, "--version") == 0
    assert capsys.readouterr().out == f"deeplab_tf {deeplab_tf.__version__}\n"


def test_unknown_command(monkeypatch, capsys):
    assert call(monkeypatch, "trian") == 1
    assert capsys.readouterr().err == "error: no command 'trian'; deeplab --help lists them\n"


def test_a_command_runs_its_program_under_its_own_name(monkeypatch):
    seen = []
    monkeypatch.setattr(main_module, "run_program", lambda name: seen.append((name, *sys.argv)))
    call(monkeypatch, "serve-client", "--tls")
    assert seen == [("serve_client", "deeplab serve-client", "--tls")]


def printed_alone(*words):
    """Returns what a program prints that has nothing to complain about."""
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    result = subprocess.run(
        [sys.executable, *words],
        capture_output=True, text=True, check=False, cwd=ROOT,
        env={**environment, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    assert not result.stderr
    return result.stdout


@pytest.mark.slow
def test_nothing_but_the_programs_own_words_is_on_stderr(tmp_path):
    """Trains, so that TensorFlow, Keras, devices and two-fold tracing have had their chance."""
    keys = ("steps=1", "eval_every=1", "eval_limit=1", "checkpoint_every=1", "batch_size=1")
    printed = printed_alone(
        "tools/train.py", "--config=zoo:quickstart", "--data_dir=synthetic",
        f"--workdir={tmp_path / 'run'}", *(f"--config.train.{key}" for key in keys),
        "--config.model.width=0.05", "--config.model.msc_features=False",
    )  # fmt: skip
    assert "model: " in printed


@pytest.mark.slow
def test_the_installed_command_starts_as_silently(tmp_path):
    script = tmp_path / "deeplab"  # what pip installs for the entry point
    script.write_text("from deeplab_tf.cli.main import main\nraise SystemExit(main())\n")
    printed = printed_alone(
        str(script), "doctor", "--data_dir=synthetic", "--limit=1", f"--output={tmp_path / 'out'}"
    )
    assert "1 of 240 images" in printed
