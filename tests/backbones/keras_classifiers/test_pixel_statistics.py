"""EfficientNet's statistics of pixels, in files in the layout that Keras publishes."""

import importlib

import keras
import numpy as np
import pytest

import deeplab_tf
from deeplab_tf import compat
from deeplab_tf.backbones.keras_classifiers.layer_kinds import Kind, kind_of
from tests.backbones.keras_classifiers.families import random_classifier, shallow_applications
from tests.models.narrow import assert_same_logits, noise_images, weights_of_zero
from tests.weights.fakes import write_classic

SIZE = (65, 97)  # odd at every stride, where Keras' padding is centred
IMAGES = noise_images(*SIZE).astype(np.float32)
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pytest.fixture(scope="module", autouse=True)
def _shallow():
    with shallow_applications(), weights_of_zero():
        yield


@pytest.fixture(scope="module")
def classifier(_shallow):
    return random_classifier("EfficientNetB0", input_shape=(*SIZE, 3))


def write(path, classifier, mean, variance):
    """Writes the classifier with statistics, which it has from then on."""
    (norm,) = (x for x in classifier.layers if isinstance(x, keras.layers.Normalization))
    for variable, value in zip(norm.weights, (mean, variance, 0), strict=True):
        variable.assign(np.broadcast_to(value, variable.shape))
    norm.finalize_state()
    layers = {
        layer.name: {compat.weight_name(v): np.asarray(v) for v in layer.weights}
        for layer in classifier.layers
    }
    write_classic(path, layers)


def model_of(weights):
    return deeplab_tf.DeepLab("keras:EfficientNetB0", "fc", 3, output_stride=32, weights=weights)


def features(model):
    backbone = model.backbone
    return backbone(backbone.preprocess(IMAGES))[backbone.endpoint_at()]


@pytest.mark.slow
def test_published_statistics_are_scaled_as_keras_scales_them(classifier, tmp_path, monkeypatch):
    """The file has deviations for variances; with "imagenet" Keras divides by their root again."""
    path = tmp_path / "efficientnetb0_notop.h5"
    write(path, classifier, MEAN, DEVIATION)
    module = importlib.import_module("keras.src.applications.efficientnet")
    downloads = getattr(module, "file_utils", None) or module.data_utils
    monkeypatch.setattr(downloads, "get_file", lambda *arguments, **options: str(path))
    own = keras.applications.EfficientNetB0(include_top=False, input_shape=(*SIZE, 3))
    scalings = [layer for layer in own.layers if kind_of(layer) is Kind.SCALING]
    assert [type(x).__name__ for x in scalings] == ["Rescaling", "Normalization", "Rescaling"]
    published, by_path = model_of("imagenet"), model_of(path)
    assert_same_logits(features(published), own(IMAGES))
    assert not any(kind_of(x) is Kind.SCALING for x in published.backbone.network.layers)
    variables = by_path.variables_by_name()
    for name, variable in published.variables_by_name().items():
        if not name.startswith("fc1"):
            np.testing.assert_array_equal(variables[name], variable)


@pytest.mark.slow
def test_other_deviations_are_those_of_the_file(classifier, tmp_path):
    write(tmp_path / "own.h5", classifier, MEAN, (0.04, 0.09, 0.02))
    assert_same_logits(features(model_of(tmp_path / "own.h5")), classifier(IMAGES))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mean", "variance"), [((0.2, 0.5, 0.7), (0.1, 0.03, 0.3)), ((0, 0, 0), (1, 1, 1))]
)
def test_other_means_are_those_of_the_file_but_for_the_padding(
    classifier, tmp_path, mean, variance
):
    write(tmp_path / "own.h5", classifier, mean, variance)
    backbone = model_of(tmp_path / "own.h5").backbone
    found = backbone.preprocess(IMAGES)
    for name in ("stem_conv", "stem_bn"):
        found = backbone.network.get_layer(name)(found)
    stem = keras.Model(classifier.input, classifier.get_layer("stem_bn").output)
    wanted = np.asarray(stem(IMAGES))
    assert_same_logits(found[:, 1:-1, 1:-1], wanted[:, 1:-1, 1:-1])
    assert np.abs(found[:, 0] - wanted[:, 0]).max() > 0.01 * wanted.std()
