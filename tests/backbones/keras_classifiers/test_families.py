"""Every family of keras.applications: consistency of strides, and the scaling of input pixels."""

import importlib

import numpy as np
import pytest

from deeplab_tf.backbones.keras_classifiers.keras_backbone import KerasBackbone
from tests.backbones.keras_classifiers.families import INSTALLED, SIZES, measure
from tests.models.narrow import noise_images

# Those that are built and run quickly stand for all where time is short.
QUICK = ("MobileNet", "MobileNetV2")
SMALLEST = [
    f.smallest if f.smallest in QUICK else pytest.param(f.smallest, marks=pytest.mark.slow)
    for f in INSTALLED
]


@pytest.mark.parametrize("application", SMALLEST)
def test_strides_agree_and_the_classifiers_own_is_its_map(application):
    row = measure(application)
    has_excitation = KerasBackbone(application).has_global_context
    for size in SIZES:
        assert row["keras", "classifier", size] == 0
        for padding in ("keras", "centred"):
            if not has_excitation:  # the mean over more points is another one
                assert row[padding, "consistency", size] < 1e-3


@pytest.mark.parametrize("application", SMALLEST)
def test_maps_are_on_the_grid_of_the_backbones_contract(application):
    backbone = KerasBackbone(application, output_stride=8)
    strides = backbone.feature_strides
    assert {4, 8, 16, 32} <= set(backbone.native_strides.values())
    assert backbone.native_strides[backbone.endpoint_at()] == 32
    for size in ((65, 97), (64, 70), (1, 7)):
        features = backbone(np.zeros([1, *size, 3], np.float32))
        assert list(features) == list(strides)
        for name, x in features.items():
            assert x.shape[1:3] == tuple(-(-side // strides[name]) for side in size)


@pytest.mark.parametrize("family", INSTALLED, ids=lambda f: f.names)
def test_scaling_is_preprocess_input(family):
    images = noise_images(5, 6).astype(np.float32)
    found = KerasBackbone.preprocess(_WithScaling(family), images)
    module = importlib.import_module(f"keras.applications.{family.module}")
    wanted = module.preprocess_input(images.copy())
    if np.array_equal(wanted, images):
        pytest.importorskip  # noqa: B018  the scaling is inside the network: the test below
        return
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)
