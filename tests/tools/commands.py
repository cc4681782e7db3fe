"""Runs the programs as a user does, each in a process of its own; `loading` spares the process."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = sorted(path.name for path in (ROOT / "tools").glob("*.py"))


def run(tool, *arguments, status=0, cwd=None):
    """Runs ``tools/TOOL`` and returns what it printed and what it complained about."""
    command = [sys.executable, str(ROOT / "tools" / tool), *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        command, capture_output=True, text=True, env=environment, check=False, cwd=cwd
    )
    assert result.returncode == status, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    return result.stdout, result.stderr
