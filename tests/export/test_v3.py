"""v3 and v3+ in every format: image pooling, the decoder's zoom and trained normalisation."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import deeplab_tf
from deeplab_tf.export import export_saved_model
from deeplab_tf.export.litert import LiteRtLabeller, export_litert
from deeplab_tf.export.onnx import OnnxLabeller, export_onnx
from tests.export.conftest import SPEC
from tests.models.narrow import assert_same_logits, narrow_model, patches

SIZE = (67, 90)
ROWS = {
    "aspp_v3 on beta": ("resnet50_beta", "aspp_v3", {"image_pooling": 65}),
    "v3plus": ("resnet50_v1_5", "v3plus", {}),
    "v3plus separable": ("vgg16", "v3plus", {"separable": True, "image_pooling": 33}),
}


@pytest.fixture(scope="module", params=ROWS.values(), ids=ROWS)
def predictor(request):
    backbone, head, options = request.param
    keras.utils.set_random_seed(0)
    model = narrow_model(backbone, head, width=0.05, output_stride=16, dataset=SPEC, **options)
    model(np.concatenate([patches(65, 65)] * 2), training=True)  # statistics that are not 0 and 1
    # All classes in the image, and so close that a difference shows.
    bias = model.variables_by_name()["logits/bias"]
    bias.assign(tf.convert_to_tensor(bias) - tf.reduce_mean(model(patches(*SIZE)), axis=(0, 1, 2)))
    return deeplab_tf.Predictor(model)


@pytest.mark.slow
def test_saved_model(predictor, tmp_path):
    folder = export_saved_model(predictor, tmp_path / "1", max_pixels=10_000)
    image = patches(*SIZE)[0]
    assert np.mean(deeplab_tf.load(folder)(image) == predictor(image)) > 0.999
    assert len(np.unique(predictor(image))) > 1


@pytest.mark.slow
def test_litert(predictor, tmp_path):
    path = export_litert(predictor, tmp_path / "model.tflite", SIZE, log=lambda line: None)
    labels, logits = LiteRtLabeller(path)(patches(*SIZE)[0])
    assert_same_logits(logits, predictor.predict_logits(patches(*SIZE)[0]))
    assert np.mean(labels == predictor(patches(*SIZE)[0])) > 0.999


@pytest.mark.slow
def test_onnx_at_any_size(predictor, tmp_path):
    path = export_onnx(predictor, tmp_path / "model.onnx", log=lambda line: None)
    for size in (SIZE, (33, 41), (1, 1)):
        labels, logits = OnnxLabeller(path)(patches(*size)[0])
        wanted = predictor.predict_logits(patches(*size)[0])
        np.testing.assert_allclose(logits, wanted, atol=1e-4 * max(1, np.abs(wanted).max()))
        assert np.mean(labels == predictor(patches(*size)[0])) > 0.999
