import keras
import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.models.deeplab import DeepLab
from tests.models.narrow import assert_same_logits, narrow_model, noise_images

pytestmark = pytest.mark.usefixtures("shallow")

MODELS = {
    "vgg": {"msc_features": True},
    "resnet": {"backbone": "resnet50", "head": "aspp_l", "width": 0.05, "scales": (1.0, 0.5)},
    "v3plus": {"backbone": "resnet50_v1_5", "head": "v3plus", "width": 0.05, "output_stride": 16},
}
IMAGES = noise_images(33, 41)
# float16 has 11 significant bits, bfloat16 has 8; some dozens of layers add up their rounding.
TOLERANCE = {"mixed_float16": 0.03, "mixed_bfloat16": 0.3}


@pytest.fixture
def global_policy():
    """Sets Keras' global policy, and the one from before at the end."""
    before = keras.mixed_precision.global_policy()
    yield keras.mixed_precision.set_global_policy
    keras.mixed_precision.set_global_policy(before)


def assert_near(mixed, full, policy):
    mixed.set_weights(full.get_weights())
    logits, wanted = mixed(IMAGES), full(IMAGES)
    assert logits.dtype == tf.float32
    assert np.isfinite(logits).all()
    assert {tf.as_dtype(variable.dtype) for variable in mixed.weights} == {tf.float32}
    assert_same_logits(logits, wanted, TOLERANCE[policy])
    # Something was computed with fewer bits.
    assert np.abs(logits - wanted).max() > 1e-5 * np.std(wanted)


@pytest.mark.slow
@pytest.mark.parametrize("policy", TOLERANCE)
@pytest.mark.parametrize("options", MODELS.values(), ids=MODELS)
def test_policy_of_one_model(options, policy):
    full, mixed = narrow_model(**options), narrow_model(**options, dtype=policy)
    assert mixed.backbone.compute_dtype == policy.removeprefix("mixed_")
    assert_near(mixed, full, policy)


@pytest.mark.parametrize("policy", TOLERANCE)
def test_global_policy(global_policy, policy):
    full = narrow_model()
    global_policy(policy)
    mixed = narrow_model()
    assert mixed.backbone.compute_dtype == policy.removeprefix("mixed_")
    assert_near(mixed, full, policy)


def test_policy_is_saved(tmp_path):
    model = narrow_model(dtype="mixed_float16")
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.backbone.compute_dtype == "float16"
    np.testing.assert_array_equal(loaded(IMAGES), model(IMAGES))


def test_default_is_full_precision():
    model = DeepLab(num_classes=3, width=0.03)
    assert {layer.compute_dtype for layer in (model, model.backbone, model.head)} == {"float32"}
