import keras
import numpy as np
import pytest

import deeplab_tf
from deeplab_tf.models.deeplab import DeepLab
from tests.models.narrow import narrow_model, noise_images

pytestmark = pytest.mark.usefixtures("shallow_vgg")

IMAGES = noise_images(17, 20, count=2)
# Left and right half are two classes, a frame is void.
LABELS = np.full([2, 17, 20], 255, np.int32)
LABELS[:, 2:-2, 2:10], LABELS[:, 2:-2, 10:-2] = 0, 2
IMAGES[:, :, 10:] //= 4


def loss_by_hand(logits):
    rows = np.asarray(logits, np.float64)[LABELS != 255]
    ids = LABELS[LABELS != 255]
    shifted = rows - rows.max(axis=1, keepdims=True)
    log_sums = np.log(np.exp(shifted).sum(axis=1))
    return np.mean(log_sums - shifted[np.arange(len(ids)), ids])


LOSSES = {
    "own": deeplab_tf.losses.CrossEntropy,
    "keras": lambda: keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=255),
}


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOSSES)
def test_first_step_has_the_loss_of_the_valid_pixels(loss):
    model = narrow_model(dropout=0.0)
    wanted = loss_by_hand(model(IMAGES))
    model.compile(keras.optimizers.SGD(0.0), LOSSES[loss](), run_eagerly=True)
    history = model.fit(IMAGES, LABELS, batch_size=2, verbose=0)
    np.testing.assert_allclose(history.history["loss"], [wanted], rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(("loss", "scales"), [("own", (1.0, 0.5)), ("keras", (1.0,))])
def test_fit_lowers_the_loss(loss, scales):
    keras.utils.set_random_seed(0)
    model = DeepLab(num_classes=3, width=0.1, scales=scales, dropout=0.1)
    before = loss_by_hand(model(IMAGES))
    model.compile(keras.optimizers.Adam(2e-3), LOSSES[loss](), run_eagerly=True)
    history = model.fit(IMAGES, LABELS, batch_size=2, epochs=8, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    assert loss_by_hand(model(IMAGES)) < 0.9 * before


def test_evaluate_and_predict_of_a_compiled_model():
    model = narrow_model()
    model.compile(keras.optimizers.SGD(0.1), deeplab_tf.losses.CrossEntropy())
    wanted = loss_by_hand(model(IMAGES))
    np.testing.assert_allclose(model.evaluate(IMAGES, LABELS, verbose=0), wanted, rtol=1e-3)
    np.testing.assert_allclose(model.predict(IMAGES, verbose=0), model(IMAGES), atol=1e-4)
