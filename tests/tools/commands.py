"""Runs the programs as a user does, each in a process of its own; `loading` spares the process."""

import multiprocessing
import os
import runpy
import sys
import tempfile
from pathlib import Path

import tensorflow as tf

from deeplab_tf.backbones import vgg
from tests.rare_collections import collect_rarely

ROOT = Path(__file__).resolve().parents[2]
TOOLS = sorted(path.name for path in (ROOT / "tools").glob("*.py"))

# Its processes have TensorFlow imported and the scenes drawn already: that is most of what a short
# command takes.
FORKSERVER = multiprocessing.get_context("forkserver")
FORKSERVER.set_forkserver_preload(["deeplab_tf.cli", "deeplab_tf.export", "tests.tools.preloaded"])


class Command:
    """``tools/TOOL`` with its arguments, started in a process of its own.

    While `tests.backbones.shallow.shallow_vgg` is open, the program has the shallow network too,
    and while functions run eagerly here, they do there.

    Args:
        tool: its file name.
        *arguments: its flags.
        cwd: the folder in which it starts.
        environment: what it finds there besides the environment of the tests.
    """

    def __init__(self, tool, *arguments, cwd=None, environment=None):
        self._folder = tempfile.TemporaryDirectory()
        self._outputs = [Path(self._folder.name) / name for name in ("stdout", "stderr")]
        command = [str(ROOT / "tools" / tool), *map(str, arguments)]
        self.process = FORKSERVER.Process(
            target=_run_script,
            args=(
                command,
                {**os.environ, **(environment or {})},
                cwd or os.getcwd(),
                self._outputs,
                vgg.BLOCKS,
                tf.config.functions_run_eagerly(),
            ),
        )
        self.process.start()

    def wait_for_line(self, start):
        """Returns the first whole line with this start; what was complained about if none comes."""
        while self.process.is_alive():
            if self._outputs[0].exists():
                for line in self._outputs[0].read_text().splitlines(keepends=True):
                    if line.startswith(start) and line.endswith("\n"):
                        return line.rstrip("\n")
            self.process.join(0.05)
        return self._outputs[1].read_text()

    def complaints(self):
        """Returns what it has complained about so far."""
        return self._outputs[1].read_text()

    def wait(self, timeout=None):
        """Returns exit status, what it printed and what it complained about, after its end."""
        self.process.join(timeout)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()
        printed = [path.read_text() if path.exists() else "" for path in self._outputs]
        self._folder.cleanup()
        return self.process.exitcode, *printed


def run(tool, *arguments, status=0, cwd=None):
    """Runs ``tools/TOOL`` and returns what it printed and what it complained about."""
    exit_status, printed, complaint = Command(tool, *arguments, cwd=cwd).wait()
    assert exit_status == status, printed + complaint
    assert "Traceback" not in complaint
    return printed, complaint


def call_elsewhere(function, *arguments):
    """Calls a function of a module in a process of its own, where it must not raise anything."""
    process = FORKSERVER.Process(target=function, args=arguments)
    process.start()
    process.join()
    assert process.exitcode == 0


def _run_script(command, environment, cwd, outputs, blocks, eager):
    """Runs a script as `python SCRIPT` does, with its output in files."""
    collect_rarely()
    vgg.BLOCKS = blocks
    tf.config.run_functions_eagerly(eager)
    tempfile.tempdir = None  # TMPDIR of this environment counts
    for number, path in enumerate(outputs, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    sys.argv = command
    sys.path.insert(0, str(ROOT))
    try:
        runpy.run_path(command[0], run_name="__main__")
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
