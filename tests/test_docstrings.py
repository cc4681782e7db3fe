import doctest
import importlib

import numpy as np
import pytest
import tensorflow as tf

import deeplab_tf
from tests.imports import ROOT

FILES = sorted(path.relative_to(ROOT) for path in (ROOT / "deeplab_tf").rglob("*.py"))
WITH_EXAMPLES = [str(file) for file in FILES if ">>> " in (ROOT / file).read_text()]
NAMES = {"deeplab_tf": deeplab_tf, "np": np, "tf": tf}
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("file", WITH_EXAMPLES)
def test_examples_print_what_they_show(file):
    module = importlib.import_module(file.removesuffix(".py").replace("/", "."))
    result = doctest.testmod(module, extraglobs=NAMES, optionflags=FLAGS)
    assert result.attempted and not result.failed
