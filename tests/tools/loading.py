"""Imports the programs of tools/ one after the other, each with flags of its own."""

import contextlib
import importlib.util
import sys
import warnings
from unittest import mock

from absl import flags

from tests.tools.commands import ROOT

TOOLS = sorted(path.name for path in (ROOT / "tools").glob("*.py"))


@contextlib.contextmanager
def loaded(tool):
    """Imports ``tools/TOOL``; its flags are there while the context is open.

    Yields:
        The names of the flags that the program's own ``--help`` shows.
    """
    values, name = flags.FLAGS, f"loaded_{tool.removesuffix('.py')}"
    before = set(values)
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / tool)
    sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(sys.modules[name])
        yield {flag.name for flag in values.get_key_flags_for_module(name)}
    finally:
        values.unparse_flags()
        for flag in set(values) - before:
            delattr(values, flag)
        del sys.modules[name]


def parse(words):
    """Parses a command line as the program that is loaded does.

    Raises:
        Exception: a flag or its value is wrong, or one that is needed is missing.
    """
    line = ["tool", *words]
    # ml_collections loads every config under this name and would find the one of the test before.
    sys.modules.pop("config_config", None)
    # It looks for changed values in sys.argv, and imports in a way that is deprecated in Python.
    with mock.patch.object(sys, "argv", line), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        flags.FLAGS(line)
