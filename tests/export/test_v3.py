"""Networks of v3 and v3+ in every format: each backbone, head and format at least once."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import deeplab_tf
from deeplab_tf.export import export_saved_model, litert
from deeplab_tf.export.litert import LiteRtLabeller, export_litert
from deeplab_tf.export.onnx import OnnxLabeller, export_onnx
from deeplab_tf.layers import DenseCRF
from tests.backbones.keras_classifiers.families import shallow_applications
from tests.export.conftest import SPEC
from tests.models.narrow import assert_same_logits, narrow_model, patches

pytestmark = pytest.mark.usefixtures("shallow", "eager_file")

SIZE = (67, 90)
LEAST = 0.999  # of the labels of one small image, where a few pixels are undecided
CRF = DenseCRF(iterations=2, bilateral_sigma_rgb=30.0)
CRF.compiled = False
# Name -> backbone, head, other arguments of DeepLab, and the CRF of the predictor.
# `tests/backbones/test_every_backbone.py` has the graph of a SavedModel of every backbone.
NETWORKS = {
    "beta": ("resnet50_beta", "aspp_v3", {"image_pooling": 65}, None),
    "v1_5": ("resnet50_v1_5", "v3plus", {"scales": (1.0, 0.5)}, CRF),
    "v2": ("mobilenet_v2", "v3plus", {"separable": True, "image_pooling": 33}, None),
    "v3": ("mobilenet_v3_large", "v3plus", {}, None),
    "xception": ("xception41", "v3plus", {"separable": True}, None),
    "keras": ("keras:MobileNet", "v3plus", {"separable": True, "width": 1.0}, None),
    "efficientnet": ("keras:EfficientNetV2B0", "aspp_v3_1x1", {"width": 1.0}, None),
    "convnext": ("keras:ConvNeXtTiny", "aspp_v3_1x1", {"width": 1.0}, None),
}
SAVED_MODELS = ["v1_5", "keras"]
LITERT = ["beta", "efficientnet", "convnext"]
ONNX = ["v3", "xception", "convnext"]


def exported_as(networks):
    return pytest.mark.parametrize("predictor", networks, indirect=True)


@pytest.fixture(scope="module")
def predictor(request):
    backbone, head, options, crf = NETWORKS[request.param]
    keras.utils.set_random_seed(0)
    with shallow_applications():
        options = {"width": 0.05, "output_stride": 16, "dataset": SPEC, **options}
        model = narrow_model(backbone, head, **options)
    rng = np.random.default_rng(0)
    for name, variable in model.variables_by_name().items():
        # As after training: what a new network has would hide a wrong factor.
        part = name.split("/")[1]
        if part in ("gamma", "moving_variance"):
            variable.assign(rng.uniform(0.5, 1.0, variable.shape))
        elif part in ("beta", "moving_mean"):
            variable.assign(rng.normal(0, 0.1, variable.shape))
    # All classes in the image, and so close that a difference shows.
    kernel, bias = (model.variables_by_name()[f"logits/{part}"] for part in ("kernel", "bias"))
    kernel.assign(tf.convert_to_tensor(kernel) / np.std(model(patches(*SIZE))))
    bias.assign(tf.convert_to_tensor(bias) - tf.reduce_mean(model(patches(*SIZE)), axis=(0, 1, 2)))
    return deeplab_tf.Predictor(model, crf)


@pytest.fixture
def image_file(tmp_path):
    """One image on which exports are verified, instead of five."""
    Image.fromarray(patches(*SIZE)[0]).save(tmp_path / "image.png")
    return tmp_path / "image.png"


@pytest.fixture
def traced(eager_file):
    """A SavedModel is written as users write it."""
    tf.config.run_functions_eagerly(False)
    yield
    tf.config.run_functions_eagerly(True)


@pytest.mark.slow
@pytest.mark.usefixtures("traced")
@exported_as(SAVED_MODELS)
def test_saved_model(predictor, image_file, tmp_path):
    folder = export_saved_model(predictor, tmp_path / "1", 10_000, verify_on=image_file)
    image = patches(*SIZE)[0]
    logits = predictor.predict_logits(image)[None]
    refined = logits if predictor.crf is None else predictor.refine(logits, image[None])
    labels = np.argmax(refined[0], axis=-1)
    assert np.mean(deeplab_tf.load(folder)(image) == labels) > 0.999
    assert len(np.unique(labels)) == 3


@pytest.mark.slow
@exported_as(LITERT)
def test_litert(predictor, image_file, tmp_path):
    path = export_litert(
        predictor, tmp_path / "m.tflite", SIZE, verify_on=image_file, least_equal_labels=LEAST
    )
    labels, logits = LiteRtLabeller(path)(patches(*SIZE)[0])
    assert_same_logits(logits, predictor.predict_logits(patches(*SIZE)[0]))
    assert np.mean(labels == predictor(patches(*SIZE)[0])) > LEAST
    assert len(np.unique(labels)) == 3


@pytest.mark.slow
@exported_as(["v2"])
def test_litert_in_whole_numbers(predictor, image_file, tmp_path, monkeypatch):
    """Logits had a deviation of 1 before the fixture shifted them; 8 bits resolve no less."""
    monkeypatch.setattr(litert, "CALIBRATION_IMAGES", 3)
    path = export_litert(
        predictor, tmp_path / "m.tflite", SIZE, "int8", "synthetic", image_file, 0.8
    )
    labels, logits = LiteRtLabeller(path)(patches(*SIZE)[0])
    wanted = predictor.predict_logits(patches(*SIZE)[0])
    assert np.sqrt(np.mean((logits - wanted) ** 2)) < 0.1
    assert np.mean(labels == wanted.argmax(-1)) > 0.8


@pytest.mark.slow
@exported_as(ONNX)
def test_onnx_at_any_size(predictor, image_file, tmp_path, caplog):
    path = export_onnx(
        predictor, tmp_path / "m.onnx", verify_on=image_file, least_equal_labels=LEAST
    )
    assert "Failed to apply" not in caplog.text  # an optimizer of tf2onnx
    for size in (SIZE, (33, 41), (1, 1)):
        labels, logits = OnnxLabeller(path)(patches(*size)[0])
        wanted = predictor.predict_logits(patches(*size)[0])
        np.testing.assert_allclose(logits, wanted, atol=1e-4 * max(1, np.abs(wanted).max()))
        assert np.mean(labels == predictor(patches(*size)[0])) > LEAST
