import ast
import os
import sys
from pathlib import Path

import pytest

from tests.stack_skips import NEEDED_PACKAGES, STACK_SKIPS
from tests.tools.commands import FORKSERVER

ROOT = Path(__file__).resolve().parents[1]

MODULES = {
    "test_sample.py": """
import pytest

def test_good():
    pass

@pytest.mark.skip
def test_marked():
    pass
""",
    "test_module.py": """
import pytest
pytest.importorskip('no_such_package')
def test_x(): pass
""",
}


def _run(tmp_path, modules):
    """Returns the exit status of a session of its own, and what it printed."""
    for name, text in modules.items():
        (tmp_path / name).write_text(text)
    options = ["-p", "tests.conftest", "-p", "no:cacheprovider", "-c", str(ROOT / "setup.cfg")]
    arguments = [*options, "--rootdir", str(tmp_path), str(tmp_path)]
    session = FORKSERVER.Process(target=_session, args=(arguments, tmp_path / "printed"))
    session.start()
    session.join()
    return session.exitcode, (tmp_path / "printed").read_text()


def _session(arguments, printed):
    os.dup2(os.open(printed, os.O_WRONLY | os.O_CREAT), sys.stdout.fileno())
    os.chdir(ROOT)
    sys.exit(pytest.main(arguments))


@pytest.mark.slow
def test_unlisted_skips_fail_the_session(tmp_path):
    status, printed = _run(tmp_path, MODULES)
    assert status == 1
    assert "FAILED test_sample.py::test_marked: skipped" in printed
    assert "FAILED test_module.py: skipped" in printed
    assert "1 passed, 2 skipped" in printed


@pytest.mark.slow
def test_session_without_skips_passes(tmp_path):
    status, printed = _run(tmp_path, {"test_sample.py": "def test_good(): pass\n"})
    assert status == 0, printed
    assert " stack: Python 3" in printed


def test_listed_tests_exist():
    for test in {*NEEDED_PACKAGES, *(test for skips in STACK_SKIPS.values() for test in skips)}:
        path, *names = test.split("::")
        tree = ast.parse((ROOT / path).read_text())
        defined = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef)}
        assert set(names) <= defined, f"{test} is listed but does not exist"
