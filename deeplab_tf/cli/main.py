"""The command `deeplab`: chooses the program that its first word names."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from deeplab_tf.cli.program import run_program
from deeplab_tf.version import __version__

# Word on the command line -> file in deeplab_tf/programs/.
COMMANDS = {
    "train": "train",
    "evaluate": "evaluate",
    "merge-metrics": "merge_metrics",
    "predict": "predict",
    "predict-beam": "predict_beam",
    "export": "export",
    "convert": "convert",
    "doctor": "doctor",
    "import-weights": "import_weights",
    "tune": "tune",
    "demo": "demo",
    "serve-client": "serve_client",
}


def main() -> int:
    """Runs a command, such as `deeplab train --config=zoo:quickstart ...`.

    Returns:
        1 where there is no such command, 0 after a word of help; a program exits by itself.
    """
    word = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if word in COMMANDS:
        # Absl shows the name of the program in its help, and takes the flags of this one.
        sys.argv[:2] = [f"{sys.argv[0]} {word}"]
        run_program(COMMANDS[word])
    if word == "--version":
        print(f"deeplab_tf {__version__}")
    elif word in ("--help", "-h", "help"):
        print(_usage())
    else:
        print(f"error: no command {word!r}; deeplab --help lists them", file=sys.stderr)
        return 1
    return 0


def _usage() -> str:
    width = max(map(len, COMMANDS)) + 2
    lines = [f"  {word:<{width}}{_first_line(file)}" for word, file in COMMANDS.items()]
    return "\n".join(["usage: deeplab COMMAND --flag=VALUE ...", "", *lines, "",
                      "deeplab COMMAND --help shows the flags."])  # fmt: skip


def _first_line(file: str) -> str:
    """Returns the first line of a program's docstring without running it."""
    spec = importlib.util.find_spec(f"deeplab_tf.programs.{file}")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).read_text(encoding="utf-8").split("\n")[0].lstrip('r"').rstrip('"')
