"""Weights of keras.applications, by download (replaced here) and by path."""

import h5py
import keras
import numpy as np
import pytest

import deeplab_tf
from deeplab_tf import compat
from deeplab_tf.weights import imagenet, load_into
from tests.backbones.keras_classifiers.families import random_classifier
from tests.backbones.shallow import shallow_networks
from tests.models.narrow import noise_images, weights_of_zero
from tests.weights.hostile_hdf5 import external_storage

NAME = "keras:MobileNet"


def model_of(backbone=NAME, **options):
    return deeplab_tf.DeepLab(backbone, "fc", 3, output_stride=32, **options)


@pytest.fixture(scope="module", autouse=True)
def _no_random_weights():
    """Those that are compared come from `random_classifier`."""
    with weights_of_zero():
        yield


@pytest.fixture(scope="module")
def classifier(_no_random_weights):
    return random_classifier("MobileNet")


def assert_is_of(model, classifier):
    """At the classifier's stride and on odd sizes only the paddings of MobileNet differ."""
    variables = model.variables_by_name()
    for layer in classifier.layers:
        for wanted in layer.weights:
            name = f"{layer.name}/{compat.weight_name(wanted)}"
            np.testing.assert_array_equal(variables[name], wanted)


@pytest.mark.slow
def test_published_weights_are_keras_applications(classifier, monkeypatch):
    asked = []

    def published(*arguments):
        asked.append(arguments)
        return classifier

    monkeypatch.setattr(imagenet, "build_application", published)
    model = model_of(weights="imagenet")
    assert asked == [("MobileNet", "imagenet", False)]
    assert_is_of(model, classifier)
    report = load_into(model_of(), "imagenet")
    assert report.names("new") == ["fc1/kernel", "fc1/bias"] and not report.names("skipped")
    assert "imagenet" not in str(model.get_config())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ending", "include_top"), [(".weights.h5", True), (".weights.h5", False), (".h5", True)]
)
def test_files_are_read_with_and_without_the_last_layers(ending, include_top, classifier, tmp_path):
    saved = random_classifier("MobileNet", include_top=include_top)
    path = tmp_path / f"mine{ending}"
    if ending == ".h5":
        saved.save(path) if compat.KERAS_3 else saved.save_weights(path)
    else:
        saved.save_weights(path)
    model = model_of(weights=path)
    variables = model.variables_by_name()
    for layer in saved.layers:
        for wanted in layer.weights:
            name = f"{layer.name}/{compat.weight_name(wanted)}"
            if name in variables:
                np.testing.assert_array_equal(variables[name], wanted)


def test_no_network_is_an_error_that_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))

    def fail(*arguments):
        raise Exception("URL fetch failure on https://host/a/mobilenet.h5: None -- no route")

    monkeypatch.setattr(imagenet, "build_application", fail)
    with pytest.raises(ValueError) as caught:
        model_of(weights="imagenet")
    message = str(caught.value)
    assert "MobileNet cannot be downloaded" in message and "no route" in message
    assert "https://host/a/mobilenet.h5 where there is a network" in message
    assert str(tmp_path / "models") in message


def test_an_error_without_an_address_is_told_as_it_is(monkeypatch):
    def fail(*arguments):
        raise ValueError("the file\nis incomplete")

    monkeypatch.setattr(imagenet, "build_application", fail)
    with pytest.raises(
        ValueError, match=r"^ImageNet weights of MobileNet: the file is incomplete$"
    ):
        model_of(weights="imagenet")


@pytest.mark.slow
def test_own_backbones_get_theirs(monkeypatch):
    published = random_classifier("ResNet50")
    monkeypatch.setattr(imagenet, "build_application", lambda *arguments: published)
    model = deeplab_tf.DeepLab("resnet50", "fc", 3, output_stride=32, weights="imagenet")
    images = noise_images(65, 97).astype(np.float32)
    wanted = published(model.backbone.preprocess(images))
    found = model.backbone(model.backbone.preprocess(images))["res5c"]
    scale = np.std(wanted)
    # Zeros of Keras' pool are padded after the ReLU, as Caffe's.
    np.testing.assert_allclose(found / scale, wanted / scale, atol=1e-3)


def test_backbones_without_published_weights_are_named():
    message = r"the backbone 'xception41'; it has for vgg16, resnet50,"
    with shallow_networks(), pytest.raises(ValueError, match=message):
        deeplab_tf.DeepLab("xception41", "fc", num_classes=2, width=0.05, weights="imagenet")


@pytest.mark.parametrize(
    ("backbone", "application"),
    [
        ("vgg16", "VGG16"),
        ("mobilenet_v2", "MobileNetV2"),
        ("mobilenet_v3_large", "MobileNetV3Large"),
    ],
)
def test_the_table_of_backbones_names_what_is_published(backbone, application):
    assert imagenet._application_of(backbone) == application


@pytest.mark.slow
def test_wrong_files_are_named(tmp_path):
    path, model = tmp_path / "other.h5", model_of()
    with pytest.raises(ValueError, match=r"weights file not found: .*other\.h5"):
        model_of(weights=path)
    path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"other\.h5 cannot be read as an HDF5 file"):
        load_into(model, path)
    with h5py.File(path, "w") as file:
        external_storage(file, "kernel", tmp_path)
    with pytest.raises(ValueError, match="keeps its numbers in other files"):
        load_into(model, path)
    small = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    small.save(path)
    with pytest.raises(ValueError, match=r"other\.h5 holds no weights of MobileNet"):
        load_into(model, path)
