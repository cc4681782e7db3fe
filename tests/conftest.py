"""What every test session needs: its threads, the stack's name, and no skip that is not listed."""

import contextlib
import importlib.util
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# `make test` has a process for each of two cores; with more threads they wait for each other. The
# programs that tests start inherit it.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.backbones import shallow as shallow_module
from tests.rare_collections import collect_rarely
from tests.stack_skips import NEEDED_PACKAGES, STACK_SKIPS

STACK = "legacy" if keras.__version__.startswith("2.") else "current"
_unlisted_skips = set()


def pytest_configure(config):
    collect_rarely()
    # pytest-xdist would begin with the files of many tests; those of one long test would come last,
    # with the other process idle.
    config.option.loadscopereorder = False


@pytest.fixture(scope="module", autouse=True)
def _seed():
    """Starts every file from the same random numbers, whatever ran before it."""
    keras.utils.set_random_seed(0)


@pytest.fixture(scope="module")
def shallow():
    """Lets backbones have fewer units, for files that do not depend on how many there are."""
    with shallow_module.shallow_networks():
        yield


@pytest.fixture(scope="module")
def shallow_vgg():
    """Lets VGG-16 have 5 convolutions, here and in the programs of `tests.tools.commands`."""
    with shallow_module.shallow_vgg():
        yield


@contextlib.contextmanager
def _eagerly():
    """Runs functions without tracing them, which costs far more where they run a few times."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def eager():
    """Runs a test's functions eagerly, also in the programs of `tests.tools.commands`."""
    with _eagerly():
        yield


@pytest.fixture(scope="module")
def eager_file():
    """Does the same for all tests of a file and their fixtures.

    A SavedModel's checkpoint is written otherwise then, and `deeplab_tf.load` refuses it.
    """
    with _eagerly():
        yield


def pytest_report_header():
    python = ".".join(map(str, sys.version_info[:3]))
    return (
        f"{STACK} stack: Python {python}, TensorFlow {tf.__version__},"
        f" Keras {keras.__version__}, NumPy {np.__version__}"
    )


def _listed_reason(test_id: str) -> str | None:
    test = test_id.split("[")[0]
    package = NEEDED_PACKAGES.get(test)
    if package and importlib.util.find_spec(package) is None:
        return f"{package} is not installed"
    return STACK_SKIPS[STACK].get(test)


def pytest_collection_modifyitems(items):
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
    for item in items:
        reason = _listed_reason(item.nodeid)
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_collectreport(report):
    if report.skipped:
        _unlisted_skips.add(report.nodeid)


def pytest_runtest_logreport(report):
    if report.skipped and not _listed_reason(report.nodeid):
        _unlisted_skips.add(report.nodeid)


def pytest_sessionfinish(session):
    if _unlisted_skips:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter):
    for test in sorted(_unlisted_skips):
        terminalreporter.write_line(
            f"FAILED {test}: skipped, but tests/stack_skips.py does not list it", red=True
        )
