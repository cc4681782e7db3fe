"""Every test that docs/reliability.md names is one."""

import ast
import re

import pytest

from tests.imports import ROOT

PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
TESTS = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))
MODULES = sorted(set(re.findall(r"`python -m (tests[\w.]+)", PAGE)))


@pytest.mark.parametrize("file", sorted({file for file, _ in TESTS}))
def test_its_functions_are_there(file):
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert {name for test, name in TESTS if test == file} <= defined


def test_every_mention_is_read_and_every_command_is_there():
    assert len(TESTS) > 50 and len(re.findall(r"tests/[\w/]+\.py", PAGE)) >= len(TESTS)
    assert not re.findall(r"`tests/[\w/]+\.py`", PAGE)  # without a function
    for module in MODULES:
        assert (ROOT / f"{module.replace('.', '/')}.py").exists()
    assert MODULES == ["tests.training.kills"]


def test_every_row_names_a_test_or_a_command():
    rows = [
        line for line in PAGE.splitlines() if line.startswith("| ") and "done again" not in line
    ]
    assert len(rows) > 50
    assert [row for row in rows if "::test_" not in row and "python -m tests" not in row] == []
