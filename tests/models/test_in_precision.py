import numpy as np
import pytest

import deeplab_tf
from deeplab_tf.models.in_precision import in_precision
from tests.models.narrow import assert_same_logits, narrow_model, noise_images

pytestmark = pytest.mark.usefixtures("shallow_vgg")

IMAGES = noise_images(33, 41)


@pytest.fixture(scope="module")
def model():
    return narrow_model(trained_precision="float16", crf={"iterations": 3})


def test_the_copy_computes_in_another_format_with_the_same_weights(model):
    copy = in_precision(model, "bfloat16")
    assert copy.backbone.compute_dtype == "bfloat16" and copy.dtype_policy.name == "mixed_bfloat16"
    assert {**copy.get_config(), "dtype": None} == {**model.get_config(), "dtype": None}
    for name, variable in model.variables_by_name().items():
        np.testing.assert_array_equal(copy.variables_by_name()[name], variable)
    assert_same_logits(copy(IMAGES), model(IMAGES), 0.3)
    assert (copy(IMAGES) != model(IMAGES)).numpy().any()
    assert in_precision(model, "float32") is model
    np.testing.assert_array_equal(in_precision(copy, "float32")(IMAGES), model(IMAGES))


def test_a_predictor_takes_a_precision_by_name(model):
    predictor = deeplab_tf.Predictor(model, scales=(0.5, 1.0), flip=True, precision="bfloat16")
    assert predictor.model.backbone.compute_dtype == "bfloat16"
    logits = predictor.predict_logits(IMAGES[0])
    assert logits.dtype == np.float32
    full = predictor.with_precision("float32")
    assert (tuple(full.scales), full.flip) == ((0.5, 1.0), True)
    assert_same_logits(logits, full.predict_logits(IMAGES[0]), 0.3)
    assert deeplab_tf.Predictor(model).model is model
    with pytest.raises(ValueError, match="precision must be one of"):
        deeplab_tf.Predictor(model, precision="int8")
