import importlib.util
import sys

import pytest

from benchmarks import crf_cases, serving_process
from benchmarks.serving_process import require_server, running_server


@pytest.mark.parametrize("told", ["", "print('no')", "print('[]')", "print('{}')", "print(3)"])
def test_a_server_that_does_not_start(tmp_path, told):
    script = tmp_path / "server.py"
    script.write_text(told)
    with (
        pytest.raises(ValueError, match="The server did not start; its messages are above"),
        running_server(tmp_path, script=script),
    ):
        pass


def test_without_a_checkout_there_is_no_server(monkeypatch, tmp_path):
    monkeypatch.setattr(serving_process, "SERVER", tmp_path / "server.py")
    with pytest.raises(ValueError, match=r"server\.py is absent: the server comes with a checkout"):
        require_server()


def test_without_the_extra_there_is_no_server(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install 'deeplab_tf\[serving\]'"):
        require_server()


def test_without_the_extra_there_are_no_images(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage.data", None)
    with pytest.raises(ImportError, match=r"pip install 'deeplab_tf\[benchmark\]'"):
        crf_cases.load_image("astronaut")
