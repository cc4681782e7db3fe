"""Every family of keras.applications: consistency of strides, and the scaling of input pixels."""

import importlib
import re

import keras
import numpy as np
import pytest

from deeplab_tf.backbones.keras_classifiers import keras_backbone
from deeplab_tf.backbones.keras_classifiers.families import FAMILIES, build_application, family_of
from deeplab_tf.backbones.keras_classifiers.keras_backbone import KerasBackbone
from deeplab_tf.backbones.keras_classifiers.layer_kinds import Kind, kind_of
from tests.backbones.keras_classifiers.families import (
    INSTALLED,
    SIZES,
    measure,
    random_classifier,
    shallow_applications,
)
from tests.models.narrow import noise_images, weights_of_zero

# Those that are built and run quickly stand for all where time is short.
QUICK = ("MobileNet", "MobileNetV2")
SMALLEST = [
    f.smallest if f.smallest in QUICK else pytest.param(f.smallest, marks=pytest.mark.slow)
    for f in INSTALLED
]


@pytest.fixture(scope="module", autouse=True)
def _shallow():
    """The table in docs/keras_backbones.md is of the whole networks.

    Random weights come from `random_classifier`; those that it replaces need not be drawn.
    """
    with shallow_applications(), weights_of_zero():
        yield


@pytest.fixture(scope="module", params=SMALLEST)
def application(request):
    """The name of a network, and the network."""
    return request.param, random_classifier(request.param)


@pytest.mark.slow
def test_strides_agree_and_the_classifiers_own_is_its_map(application):
    name, classifier = application
    # Rows that are odd at every stride, columns of both kinds.
    both = (SIZES["odd"][0], SIZES["mixed"][0])
    row = measure(classifier, strides=(32, 8), sizes={"both": both})
    # ConvNeXt's depthwise convolutions stand for some in groups, and round otherwise.
    assert row["keras", "classifier", "both"] <= (1e-6 if name == "ConvNeXtTiny" else 0)
    for padding in ("keras", "centred"):
        assert row[padding, "consistency", "both"] < 1e-3


@pytest.mark.slow
def test_maps_are_on_the_grid_of_the_backbones_contract(application, monkeypatch):
    name, classifier = application
    monkeypatch.setattr(keras_backbone, "build_application", {name: classifier}.get)
    backbone = KerasBackbone(name, output_stride=8)
    strides = backbone.feature_strides
    assert {4, 8, 16, 32} <= set(backbone.native_strides.values())
    assert backbone.native_strides[backbone.endpoint_at()] == 32
    for size in ((65, 97), (64, 70), (1, 7)):
        features = backbone(np.zeros([1, *size, 3], np.float32))
        assert list(features) == list(strides)
        for name, x in features.items():
            assert x.shape[1:3] == tuple(-(-side // strides[name]) for side in size)


def own_scaling(classifier, images):
    """What a classifier computes of its input before the first convolution; None for nothing."""
    scalings = [x for x in classifier.layers if kind_of(x) is Kind.SCALING]
    return keras.Model(classifier.input, scalings[-1].output)(images) if scalings else None


@pytest.mark.parametrize("family", INSTALLED, ids=lambda f: f.names)
def test_scaling_is_preprocess_input(family):
    images = noise_images(5, 6).astype(np.float32)
    module = importlib.import_module(f"keras.applications.{family.module}")
    wanted = module.preprocess_input(images.copy())
    if np.array_equal(wanted, images):  # the scaling is inside the network
        return
    np.testing.assert_allclose(family.scaling(images), wanted, rtol=1e-5, atol=1e-5)


INSIDE = ("ResNetRS50", "MobileNetV3Small", "EfficientNetV2B0", "EfficientNetV2S", "ConvNeXtTiny")


@pytest.mark.slow
@pytest.mark.parametrize("application", [*INSIDE, "RegNetX002"])
def test_scaling_is_what_the_network_does_inside(application):
    images = noise_images(5, 6).astype(np.float32)
    if not hasattr(keras.applications, application):
        with pytest.raises(ValueError, match=rf"no classifier '{application}'"):
            family_of(application)
        return
    classifier = build_application(application, include_preprocessing=True)
    wanted = own_scaling(classifier, images)
    np.testing.assert_allclose(family_of(application).scaling(images), wanted, rtol=1e-5, atol=1e-5)
    assert own_scaling(build_application(application), images) is None


def test_every_network_of_keras_applications_has_a_family():
    """Or it is known to have none: a newer Keras may bring some."""
    names = {n for n in vars(keras.applications) if n[0].isupper()}
    matched = {n for n in names if any(re.fullmatch(f.names, n) for f in FAMILIES)}
    assert names - matched == {"NASNetMobile", "NASNetLarge"}
    with pytest.raises(ValueError, match="NASNetMobile cannot be made atrous by its name: Keras"):
        family_of("NASNetMobile")
    assert {f.smallest for f in FAMILIES} >= {f.smallest for f in INSTALLED}
