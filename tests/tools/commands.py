"""Runs the programs as a user does."""

import contextlib
import importlib.util
import os
import subprocess
import sys
import warnings
from pathlib import Path
from unittest import mock

from absl import flags

from deeplab_tf import cli

ROOT = Path(__file__).resolve().parents[2]


def run(tool, *arguments, status=0, cwd=None):
    """Runs ``tools/TOOL`` and returns what it printed and what it complained about."""
    command = [sys.executable, str(ROOT / "tools" / tool), *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        command, capture_output=True, text=True, env=environment, check=False, cwd=cwd
    )
    assert result.returncode == status, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    return result.stdout, result.stderr


@contextlib.contextmanager
def loaded(tool):
    """Gives a program as a module, without starting a process, and takes its flags away again."""
    before = set(flags.FLAGS)
    spec = importlib.util.spec_from_file_location(f"tool_{Path(tool).stem}", ROOT / "tools" / tool)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where absl looks up whose flags they are
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        del sys.modules[spec.name]
        for name in set(flags.FLAGS) - before:
            delattr(flags.FLAGS, name)
        flags.FLAGS.unparse_flags()


def call(tool, *arguments):
    """Calls the `main` of a program in this process; what it raises is what it complains about."""
    with loaded(tool) as module:
        flags.FLAGS([tool, *map(str, arguments)])
        return module.main()


def run_here(tool, *arguments):
    """Runs ``tools/TOOL`` in this process, for what is told before anything is computed.

    Returns:
        The exit status.
    """
    line = [tool, *map(str, arguments)]
    try:
        with (
            loaded(tool) as module,
            mock.patch.object(sys, "argv", line),
            mock.patch.object(cli.app, "run") as started,
            warnings.catch_warnings(),
        ):
            # How ml_collections imports a file is deprecated in Python.
            warnings.simplefilter("ignore", DeprecationWarning)
            cli.run(module.main)
            words = started.call_args.kwargs["flags_parser"](line, flags.FLAGS)
            return started.call_args.args[0](words)
    except SystemExit as stop:
        return stop.code
