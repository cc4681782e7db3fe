"""A .keras file is the whole model: another process needs nothing else to get the same logits."""

import inspect
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.models.deeplab import DeepLab
from tests.backbones import shallow as shallow_module
from tests.models.narrow import narrow_model, noise_images
from tests.tools.commands import call_elsewhere

pytestmark = pytest.mark.usefixtures("shallow", "shallow_vgg")

SPEC = DatasetSpec("two", ("sky", "road"), palette=((1, 2, 3), (4, 5, 6)), ignore_label=99)
CRF = {"implementation": "pydensecrf", "iterations": 3, "compatibility": [[0.0, 1.5], [1.5, 0.0]]}
SEEDS = [[1, 2]]
IMAGES = noise_images(33, 41)

# Every argument unlike its default, as far as they go together: msc_features belong to VGG-16,
# which is the default.
NON_DEFAULT = {
    "backbone": "resnet50",
    "head": "aspp_s",
    "num_classes": 2,
    "output_stride": 16,
    "scales": (1.0, 0.5),
    "width": 0.05,
    "fc6_kernel": 5,
    "fc6_rate": 4,
    "fc6_filters": 300,
    "msc_features": False,
    "msc_start": "released",
    "dropout": 0.25,
    "image_scale": 0.5,
    "method": "interlace",
    "batch_norm": "train",
    "batch_norm_momentum": 0.9,
    "multi_grid": (1, 2, 4),
    "separable": True,
    "image_pooling": "33",
    "dataset": SPEC,
    "crf": CRF,
    "trained_precision": "bfloat16",
}
NON_DEFAULT_VGG = {
    **NON_DEFAULT,
    "backbone": "vgg16",
    "head": "large_fov",
    "width": 0.08,
    "msc_features": True,
    "multi_grid": (1, 1, 1),
}
MODELS = {
    "large_fov": {},
    "msc_features": {"msc_features": True},
    "non_default": NON_DEFAULT,
    "non_default_vgg": NON_DEFAULT_VGG,
    # Every family of backbones and every head of v3 and v3+.
    "aspp_v3": {"backbone": "resnet50_beta", "head": "aspp_v3", "width": 0.05},
    "mobilenet_v2": {"backbone": "mobilenet_v2", "head": "aspp_v3_1x1"},
    "mobilenet_v3": {"backbone": "mobilenet_v3_large", "head": "v3plus"},
    "xception": {"backbone": "xception41", "head": "v3plus", "separable": True, "width": 0.05},
    "keras": {"backbone": "keras:MobileNet", "head": "aspp_v3_1x1", "width": 1.0},
}


def read_all(folder):
    """Is what the other process does."""
    images = np.load(folder / "images.npy")
    with shallow_module.shallow_networks(), shallow_module.shallow_vgg():
        for path in sorted(folder.glob("*.keras")):
            model = keras.models.load_model(path)
            np.savez(
                path.with_suffix(".npz"),
                logits=model(images),
                trained=model(images, training=True, seeds=tf.constant(SEEDS)),
            )
            facts = {"dataset": model.spec.to_dict(), "crf": model.crf and dict(model.crf)}
            facts["type"] = f"{type(model).__module__}.{type(model).__name__}"
            path.with_suffix(".json").write_text(json.dumps(facts))


@pytest.fixture(scope="module")
def models(shallow, shallow_vgg):
    return {name: narrow_model(**options) for name, options in MODELS.items()}


@pytest.fixture(scope="module")
def folder(models, tmp_path_factory):
    """Models that one other process has read."""
    folder = tmp_path_factory.mktemp("models")
    np.save(folder / "images.npy", IMAGES)
    for name, model in models.items():
        model.save(folder / f"{name}.keras")
    call_elsewhere(read_all, folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_another_process_gets_the_same_logits(models, folder, name):
    found = np.load(folder / f"{name}.npz")
    np.testing.assert_array_equal(found["logits"], models[name](IMAGES))
    # With dropout too: its rate and its masks are those of the saved model.
    trained = models[name](IMAGES, training=True, seeds=tf.constant(SEEDS))
    np.testing.assert_array_equal(found["trained"], trained)
    assert np.std(found["logits"]) > 1e-3


@pytest.mark.slow
def test_data_set_and_crf_travel_along(folder):
    facts = json.loads((folder / "non_default.json").read_text())
    assert facts["type"] == "deeplab_tf.models.deeplab.DeepLab"
    assert facts["dataset"] == SPEC.to_dict()
    assert facts["crf"] == CRF
    facts = json.loads((folder / "large_fov.json").read_text())
    assert facts["crf"] is None
    assert facts["dataset"]["class_names"] == ["class 0", "class 1", "class 2"]


def test_the_tables_leave_no_argument_at_its_default():
    parameters = dict(inspect.signature(DeepLab).parameters)
    del parameters["kwargs"], parameters["weights"]  # used once, not kept
    assert set(NON_DEFAULT) == set(parameters)
    defaults = {name: parameter.default for name, parameter in parameters.items()}
    same = {name for name, value in NON_DEFAULT.items() if value == defaults[name]}
    assert same == {"msc_features"}
    assert NON_DEFAULT_VGG["msc_features"] != defaults["msc_features"]
