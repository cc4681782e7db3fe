import subprocess
import sys

import pytest

from benchmarks import serving_process
from benchmarks.serving_process import SERVER, running_server


def test_server_refuses_the_library():
    code = f"""
import runpy, sys
sys.argv = ["server.py", "--help"]
try:
    runpy.run_path({str(SERVER)!r}, run_name="__main__")
except SystemExit:
    import deeplab_tf
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "import of deeplab_tf halted" in result.stderr


def test_folder_without_versions(tmp_path):
    with pytest.raises(ValueError, match="did not start"), running_server(tmp_path):
        pass


def test_without_a_checkout(tmp_path, monkeypatch):
    monkeypatch.setattr(serving_process, "SERVER", tmp_path / "server.py")
    with pytest.raises(ValueError, match=r"server\.py is absent: .* checkout"):
        serving_process.require_server()
