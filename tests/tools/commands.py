"""Runs the programs as a user does."""

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


def run_here(tool, *arguments):
    """Runs ``tools/TOOL`` in this process, for what is told before anything is computed.

    Returns:
        The exit status.
    """
    known, line = set(flags.FLAGS), [tool, *map(str, arguments)]
    place = importlib.util.spec_from_file_location(Path(tool).stem, ROOT / "tools" / tool)
    program = importlib.util.module_from_spec(place)
    try:
        place.loader.exec_module(program)
        with (
            mock.patch.object(sys, "argv", line),
            mock.patch.object(cli.app, "run") as started,
            warnings.catch_warnings(),
        ):
            # How ml_collections imports a file is deprecated in Python.
            warnings.simplefilter("ignore", DeprecationWarning)
            cli.run(program.main)
            words = started.call_args.kwargs["flags_parser"](line, flags.FLAGS)
            return started.call_args.args[0](words)
    except SystemExit as stop:
        return stop.code
    finally:
        for name in set(flags.FLAGS) - known:
            delattr(flags.FLAGS, name)
        flags.FLAGS.unparse_flags()
