import numpy as np
import pytest
import tensorflow as tf

import deeplab_tf

CRF = {"iterations": 3, "bilateral_sigma_xy": 10.0}


@pytest.fixture(scope="module")
def model():
    return deeplab_tf.DeepLab(num_classes=4, width=0.05, dropout=0.9)


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, [37, 50, 3], np.uint8)


def test_labels_are_the_largest_logit(model, image):
    labels = deeplab_tf.Predictor(model)(image)
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, np.argmax(model(image[None])[0], axis=-1))


def test_crf_is_applied_to_the_logits(model, image):
    before, after = deeplab_tf.Predictor(model, crf=CRF).before_and_after(image)
    logits = model(image[None])[0].numpy()
    marginals = deeplab_tf.crf.mean_field(logits=logits, image=image, **CRF)
    np.testing.assert_array_equal(before, np.argmax(logits, axis=-1))
    assert np.mean(after == np.argmax(marginals, axis=-1)) > 0.999


def test_layer_and_dict_of_parameters_are_the_same(model, image):
    by_dict = deeplab_tf.Predictor(model, crf=CRF)(image)
    by_layer = deeplab_tf.Predictor(model, crf=deeplab_tf.layers.DenseCRF(**CRF))(image)
    np.testing.assert_array_equal(by_dict, by_layer)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (8, 8), (9, 17), (23, 2)])
def test_every_size(model, size):
    assert deeplab_tf.Predictor(model)(np.zeros([*size, 3], np.uint8)).shape == size


def test_new_weights_are_used_at_once(model, image):
    predictor = deeplab_tf.Predictor(model)
    predictor(image)
    bias = model.variables_by_name()["fc8/bias"]
    old = tf.convert_to_tensor(bias)
    bias.assign([0.0, 0.0, 0.0, 1e6])
    labels = predictor(image)
    bias.assign(old)
    assert (labels == 3).all()


@pytest.mark.parametrize("bad", [np.zeros([4, 4, 3]), np.zeros([4, 4], np.uint8)])
def test_other_images_are_refused(model, bad):
    with pytest.raises(ValueError, match=r"uint8 RGB.*Received"):
        deeplab_tf.Predictor(model)(bad)
