"""Opens a config as the tools do: from its path, through the flag."""

import sys
import warnings
from unittest import mock

from absl import flags
from ml_collections import config_flags

from tests.imports import ROOT

NAMES = sorted(path.stem for path in (ROOT / "zoo").glob("*.py"))


def load_config(name, *overrides):
    values = flags.FlagValues()
    config_flags.DEFINE_config_file("config", flag_values=values)
    arguments = ["tool", f"--config={ROOT}/zoo/{name}.py", *overrides]
    # ml_collections looks for changed values in sys.argv.
    with mock.patch.object(sys, "argv", arguments), warnings.catch_warnings():
        # How it imports a file is deprecated in Python.
        warnings.simplefilter("ignore", DeprecationWarning)
        values(arguments)
    return values.config
