"""What the page needs before it can be served."""

import sys

import pytest

import deeplab_tf
from deeplab_tf.demo.gradio_page import import_gradio
from deeplab_tf.demo.labeller import Labeller
from deeplab_tf.demo.server import serve
from tests.models.narrow import narrow_model

pytestmark = pytest.mark.usefixtures("shallow_vgg")


def test_a_predictor_without_a_crf():
    with pytest.raises(ValueError, match="needs a predictor with a CRF"):
        Labeller(deeplab_tf.Predictor(narrow_model()))


def test_without_gradio(monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "True")  # which it changes
    with pytest.raises(ImportError, match=r"pip install 'deeplab_tf\[demo\]'"):
        import_gradio()


@pytest.mark.parametrize("host", ["1.2.3.4", "no.such.host.invalid"])
def test_a_host_that_is_not_this_machine(host):
    with pytest.raises(OSError, match=rf"Port 7999 of {host} cannot be had \(.+\); give another"):
        serve(None, host, 7999)
