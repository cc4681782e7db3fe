import numpy as np
import pytest
import tensorflow as tf

import deeplab_tf
from deeplab_tf.export import export_saved_model
from deeplab_tf.layers import DenseCRF
from tests.models.narrow import patches, uncertain_model


@pytest.mark.slow
def test_a_saved_model_computes_with_what_the_crf_has_learned(tmp_path):
    images = patches(33, 47)
    crf = DenseCRF(trainable=True, iterations=2, bilateral_sigma_rgb=30.0)
    predictor = deeplab_tf.Predictor(uncertain_model(images), crf)
    # Exported as it is where nobody has called it yet; a graph reads variables, not their values.
    folder = export_saved_model(predictor, tmp_path / "1")
    start = tf.saved_model.load(str(folder)).signatures["predict_tensor"](images=images)
    crf.bilateral_weight.assign(12.0)
    crf.compatibility.assign(3 * crf.compatibility)
    folder = export_saved_model(predictor, tmp_path / "2")
    found = tf.saved_model.load(str(folder)).signatures["predict_tensor"](images=images)
    wanted = predictor.refine(predictor.model(images), images)
    np.testing.assert_allclose(found["probabilities"], wanted, atol=1e-4)
    assert np.abs(start["probabilities"] - found["probabilities"]).max() > 0.01
