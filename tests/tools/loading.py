"""Loads the programs into this process, each with flags of its own."""

import contextlib
import importlib.util
import inspect
import sys
import warnings
from unittest import mock

import tensorflow as tf
from absl import flags

from deeplab_tf import cli
from deeplab_tf.cli import program
from tests.tools.commands import ROOT

# Files of tools/ whose program has another name in deeplab_tf/programs/.
RENAMED = {"convert_dataset": "convert", "tune_crf": "tune"}


def source_of(tool):
    """Returns the file of the program that ``tools/TOOL`` runs."""
    stem = tool.removesuffix(".py")
    program = ROOT / "deeplab_tf" / "programs" / f"{RENAMED.get(stem, stem)}.py"
    return program if program.exists() else ROOT / "tools" / tool


@contextlib.contextmanager
def loaded(tool):
    """Gives the program of ``tools/TOOL`` as a module; its flags are there while it is open."""
    before, name = set(flags.FLAGS), f"loaded_{tool.removesuffix('.py')}"
    spec = importlib.util.spec_from_file_location(name, source_of(tool))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where absl looks up whose flags they are
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        flags.FLAGS.unparse_flags()
        for flag in set(flags.FLAGS) - before:
            delattr(flags.FLAGS, flag)
        del sys.modules[name]


def shown_flags(module):
    """Returns the names of the flags that a program's own ``--help`` shows."""
    return {flag.name for flag in flags.FLAGS.get_key_flags_for_module(module.__name__)}


@contextlib.contextmanager
def _command_line(line):
    """ml_collections looks for changed values in sys.argv, and imports in a deprecated way."""
    # It loads every config under this name and would find the one of the test before.
    sys.modules.pop("config_config", None)
    with mock.patch.object(sys, "argv", line), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def parse(words):
    """Parses a command line as the program that is loaded does.

    Raises:
        Exception: a flag or its value is wrong, or one that is needed is missing.

    Returns:
        The words that are no flags, such as those behind `--`.
    """
    line, _ = program.expand_config(["tool", *map(str, words)])
    with _command_line(line):
        return flags.FLAGS(line)[1:]


@contextlib.contextmanager
def _threads_of_the_session():
    """Lets no program choose the threads of a TensorFlow that has them already."""
    with (
        mock.patch.object(tf.config.threading, "set_intra_op_parallelism_threads"),
        mock.patch.object(tf.config.threading, "set_inter_op_parallelism_threads"),
    ):
        yield


def call(tool, *arguments):
    """Calls the `main` of a program; what it raises is what it complains about."""
    with loaded(tool) as module, _threads_of_the_session():
        words = parse(arguments)
        return module.main(words) if inspect.signature(module.main).parameters else module.main()


def run_here(tool, *arguments):
    """Runs a program up to its first refusal and returns its exit status."""
    line = [tool, *map(str, arguments)]
    with (
        loaded(tool) as module,
        _command_line(line),
        mock.patch.object(program.app, "run") as run,
        _threads_of_the_session(),
    ):
        cli.run(module.main)
        try:
            words = run.call_args.kwargs["flags_parser"](line, flags.FLAGS)
            return run.call_args.args[0](words)
        except SystemExit as stop:
            return stop.code


def refusal(capsys, tool, *arguments):
    """Returns the one line with which a program refuses arguments before it does anything."""
    assert run_here(tool, *arguments) == 1
    told, complaint = capsys.readouterr()
    (line,) = [line for line in complaint.splitlines() if not line.startswith("WARNING")]
    assert line.startswith("error: ") and not told
    return line
