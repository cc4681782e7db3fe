import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import deeplab_tf
from deeplab_tf.export import export_saved_model, saved_model
from deeplab_tf.layers import DenseCRF
from tests.models.narrow import patches, uncertain_model

pytestmark = pytest.mark.usefixtures("shallow_vgg")

IMAGES = patches(33, 47)


@pytest.fixture
def predictor():
    crf = DenseCRF(trainable=True, iterations=2, bilateral_sigma_rgb=30.0)
    crf.compiled = False
    return deeplab_tf.Predictor(uncertain_model(IMAGES), crf)


@pytest.mark.slow
def test_a_saved_model_computes_with_what_the_crf_has_learned(predictor, tmp_path):
    logits, crf = predictor.model(IMAGES), predictor.crf
    start = predictor.refine(logits, IMAGES)
    crf.bilateral_weight.assign(12.0)
    crf.compatibility.assign(3 * crf.compatibility)
    Image.fromarray(IMAGES[0]).save(tmp_path / "image.png")
    folder = export_saved_model(predictor, tmp_path / "1", verify_on=tmp_path / "image.png")
    found = tf.saved_model.load(str(folder)).signatures["predict_tensor"](images=IMAGES)
    wanted = predictor.refine(logits, IMAGES)
    np.testing.assert_allclose(found["probabilities"], wanted, atol=1e-4)
    assert np.abs(start - found["probabilities"]).max() > 0.01


def test_a_crf_that_nobody_has_called_is_exported_with_its_variables(predictor):
    assert not predictor.crf.built
    names = [variable.name.split(":")[0] for variable in saved_model._crf_variables(predictor)]
    assert len(names) == len(set(names)) == len(predictor.crf.weights) == 3
