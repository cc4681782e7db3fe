import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stack_skips import NEEDED_PACKAGES, STACK_SKIPS

ROOT = Path(__file__).resolve().parents[1]

SKIPPING_TESTS = """
import pytest

def test_good():
    pass

@pytest.mark.skip
def test_marked():
    pass
"""


def _run(tmp_path, text):
    (tmp_path / "test_sample.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider"]
    paths = ["-c", str(ROOT / "setup.cfg"), "--rootdir", str(tmp_path), str(tmp_path)]
    return subprocess.run([*command, *paths], cwd=ROOT, capture_output=True, text=True)


@pytest.mark.slow
def test_unlisted_skip_fails_the_session(tmp_path):
    done = _run(tmp_path, SKIPPING_TESTS)
    assert done.returncode == 1
    assert "FAILED test_sample.py::test_marked: skipped" in done.stdout
    assert "1 passed, 1 skipped" in done.stdout


@pytest.mark.slow
def test_skipped_module_fails_the_session(tmp_path):
    text = "import pytest\npytest.importorskip('no_such_package')\ndef test_x(): pass\n"
    done = _run(tmp_path, text)
    assert done.returncode != 0
    assert "FAILED test_sample.py: skipped" in done.stdout


@pytest.mark.slow
def test_session_without_skips_passes(tmp_path):
    done = _run(tmp_path, "def test_good(): pass\n")
    assert done.returncode == 0, done.stdout
    assert " stack: Python 3" in done.stdout


def test_listed_tests_exist():
    for test in {*NEEDED_PACKAGES, *(test for skips in STACK_SKIPS.values() for test in skips)}:
        path, *names = test.split("::")
        tree = ast.parse((ROOT / path).read_text())
        defined = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef)}
        assert set(names) <= defined, f"{test} is listed but does not exist"
