import builtins
import sys
import types

import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.data.synthetic import synthetic_spec
from deeplab_tf.export import saved_model
from deeplab_tf.export.warmup import FILE_NAME, write_warmup_requests
from deeplab_tf.serving import GrpcClient


def test_warm_up_requests_are_labelled(exported):
    from tensorflow_serving.apis import prediction_log_pb2

    assert any("3 warm-up requests" in line for line in exported.lines)
    records = tf.data.TFRecordDataset(str(exported.folder / FILE_NAME)).as_numpy_iterator()
    loaded = tf.saved_model.load(str(exported.folder))
    sizes = []
    for record in records:
        log = prediction_log_pb2.PredictionLog.FromString(record)
        assert log.WhichOneof("log_type") == "predict_log"
        request = log.predict_log.request
        assert request.model_spec.name == "streets"
        signature = request.model_spec.signature_name
        inputs = {name: tf.constant(tf.make_ndarray(t)) for name, t in request.inputs.items()}
        found = loaded.signatures[signature](**inputs)
        if signature == "serving_default":
            assert not any(found["error"].numpy())
            sizes += [tf.io.decode_png(png).shape[:2] for png in found["label_png_bytes"]]
        else:
            sizes.append(found["labels"].shape[1:])
    assert [tuple(size) for size in sizes] == 2 * [(375, 500), (500, 375)]


def test_warm_up_requests_keep_to_the_limit(tmp_path):
    from tensorflow_serving.apis import prediction_log_pb2

    write_warmup_requests(tmp_path, "small", max_pixels=100)
    for record in tf.data.TFRecordDataset(str(tmp_path / FILE_NAME)).as_numpy_iterator():
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        if "images" in request.inputs:
            assert np.prod(tf.make_ndarray(request.inputs["images"]).shape[1:3]) == 100


def test_an_extra_of_another_protobuf_is_no_traceback(tmp_path, monkeypatch):
    """What protobuf generated it refuses to load beside an older one, with errors of any kind."""
    real = builtins.__import__

    def refusing(name, *arguments, **options):
        if name.startswith("tensorflow_serving"):
            raise TypeError("Descriptors cannot be created directly")
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", refusing)
    message = r"Descriptors cannot be created.*pip install 'deeplab_tf\[serving\]'"
    with pytest.raises(ImportError, match=message):
        write_warmup_requests(tmp_path, "m", max_pixels=100)
    with pytest.raises(ImportError, match=message):
        GrpcClient("localhost:9")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def without_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_serving", None)
    monkeypatch.setitem(sys.modules, "tensorflow_serving.apis", None)


def test_without_the_extra_nothing_is_written(tmp_path, without_the_extra):
    with pytest.raises(ImportError, match=r"pip install 'deeplab_tf\[serving\]'"):
        write_warmup_requests(tmp_path, "m", max_pixels=100)
    assert list(tmp_path.iterdir()) == []


def test_without_the_extra_the_rest_is_exported(tmp_path, without_the_extra):
    """And without a data set the numbers of classes are known, not their names."""
    model, lines = types.SimpleNamespace(dataset=None, spec=synthetic_spec()), []
    predictor = types.SimpleNamespace(model=model)
    saved_model._write_extras(predictor, tmp_path, "m", max_pixels=100, log=lines.append)
    assert [path.name for path in tmp_path.rglob("*")] == ["assets", "dataset.json"]
    without_names, without_requests = lines
    assert "carries no data set" in without_names
    assert without_requests.startswith("No warm-up requests for TF Serving: ")
