import doctest
import importlib
import pkgutil

import numpy as np
import pytest
import tensorflow as tf

import deeplab_tf

MODULES = [module.name for module in pkgutil.walk_packages(deeplab_tf.__path__, "deeplab_tf.")]
NAMES = {"deeplab_tf": deeplab_tf, "np": np, "tf": tf}
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@pytest.mark.parametrize("name", MODULES)
def test_examples_print_what_they_say(name):
    module = importlib.import_module(name)
    result = doctest.testmod(module, extraglobs=NAMES, optionflags=FLAGS)
    assert result.failed == 0
