import types

import pytest

from deeplab_tf import compat
from deeplab_tf.export.mobile import check_exportable


def predictor(crf=None, tile=None):
    return types.SimpleNamespace(crf=crf, tile=tile)


@pytest.mark.parametrize(
    "options, packages, error, message",
    [
        ({"crf": object()}, [], ValueError, "ONNX cannot hold the CRF.*a SavedModel, which can"),
        ({"tile": 65}, [], ValueError, "ONNX has no tiles. Received: tile=65"),
        ({}, ["os", "no_such"], ImportError, r"no_such\. .*pip install 'deeplab_tf\[onnx\]'"),
    ],
)
def test_what_cannot_be_exported(options, packages, error, message, monkeypatch):
    monkeypatch.setattr(compat, "KERAS_3", True)
    with pytest.raises(error, match=message):
        check_exportable(predictor(**options), "ONNX", "onnx", packages)


def test_the_legacy_stack_exports_neither(monkeypatch):
    monkeypatch.setattr(compat, "KERAS_3", False)
    with pytest.raises(ValueError, match="ONNX is exported on the current stack only"):
        check_exportable(predictor(), "ONNX", "onnx", [])
