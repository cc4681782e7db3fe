import types

import pytest

from deeplab_tf import compat
from deeplab_tf.export import export_litert, export_onnx, export_saved_model
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


@pytest.mark.parametrize("export, kind", [(export_onnx, "ONNX"), (export_litert, "LiteRT")])
def test_the_legacy_stack_exports_neither(export, kind, tmp_path, monkeypatch):
    monkeypatch.setattr(compat, "KERAS_3", False)
    with pytest.raises(ValueError, match=f"{kind} is exported on the current stack only"):
        export(predictor(), tmp_path / "a", size=(9, 9))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "export, options",
    [(export_onnx, {}), (export_litert, {"size": (9, 9)}), (export_saved_model, {})],
)
def test_the_old_name_of_log_warns(export, options, tmp_path):
    """The export itself is refused, so that none is written."""
    message = rf"{export.__name__}\(say=\) is called {export.__name__}\(log=\)"
    with (
        pytest.warns(DeprecationWarning, match=message),
        pytest.raises((ValueError, AttributeError)),
    ):
        export(predictor(crf=object()), tmp_path / "a", say=print, **options)
