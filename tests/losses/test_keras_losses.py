import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf import losses
from deeplab_tf.training.losses import LOSSES, parse_loss

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 3, [2, 5, 6])
LABELS[0, :3], LABELS[1, 0, 0] = 255, 255
LOGITS = RNG.normal(size=[2, 5, 6, 3]).astype(np.float32)
# A loss of Keras -> the same in `train.loss`.
SAME = [
    (losses.CrossEntropy(), "cross_entropy"),
    (losses.CrossEntropy(class_weights=[1, 2, 0.5]), "cross_entropy(class_weights=(1, 2, 0.5))"),
    (losses.Focal(gamma=1, class_weights=np.ones(3)), "focal(gamma=1)"),
    (losses.OnlineHardPixels(share=0.5, threshold=0.7), "ohem(share=0.5, threshold=0.7)"),
    (losses.Dice(), "dice"),
    (losses.Lovasz(), "lovasz"),
    (losses.Combined("cross_entropy + 0.5*dice"), "cross_entropy + 0.5*dice"),
]
IDS = [text for _, text in SAME]


def cross_entropies():
    """Of every pixel, by NumPy; 0 for void."""
    logits = LOGITS.astype(np.float64)
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    chosen = np.take_along_axis(log_p, np.where(LABELS == 255, 0, LABELS)[..., None], -1)[..., 0]
    return np.where(LABELS == 255, 0, -chosen)


def test_every_loss_of_training_is_there():
    kinds = {term.name for loss, _ in SAME for term in loss.total.terms}
    assert kinds == set(LOSSES)
    for name, kind in LOSSES.items():
        arguments = {*inspect.signature(kind).parameters, "ignore_label", "name"}
        assert arguments == set(inspect.signature(getattr(losses, kind.__name__)).parameters), name


def test_cross_entropy_is_the_mean_over_the_valid_pixels_of_the_batch():
    found = losses.CrossEntropy()(LABELS, LOGITS)
    np.testing.assert_allclose(found, cross_entropies().sum() / (LABELS != 255).sum(), rtol=1e-5)
    few_void = losses.CrossEntropy(ignore_label=0)(np.where(LABELS == 255, 1, LABELS), LOGITS)
    assert np.isfinite(few_void) and few_void != found


@pytest.mark.parametrize(("loss", "text"), SAME, ids=IDS)
def test_values_and_gradients_are_those_of_training(loss, text):
    logits = tf.constant(LOGITS)
    wanted = parse_loss(text)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logits)
        found, value = loss(LABELS, logits), wanted(LABELS.astype(np.int32), logits, 255)
    np.testing.assert_allclose(found, value, rtol=1e-6)
    assert found > 0
    np.testing.assert_allclose(
        tape.gradient(found, logits), tape.gradient(value, logits), rtol=1e-6
    )


@pytest.mark.parametrize(("loss", "text"), SAME, ids=IDS)
def test_a_batch_of_void_has_no_loss_and_no_gradient(loss, text):
    logits = tf.constant(LOGITS)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = loss(np.full_like(LABELS, 255), logits)
    assert value == 0
    np.testing.assert_array_equal(tape.gradient(value, logits), np.zeros_like(LOGITS))


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32])
@pytest.mark.parametrize("shape", [(2, 5, 6), (2, 5, 6, 1)])
def test_labels_come_in_several_types_and_shapes(dtype, shape):
    loss = losses.CrossEntropy()
    found = loss(LABELS.astype(dtype).reshape(shape), LOGITS)
    np.testing.assert_allclose(found, loss(LABELS, LOGITS), rtol=1e-6)


def test_one_hot_labels_are_refused():
    with pytest.raises(ValueError, match=r"of one-hot labels take tf\.argmax"):
        losses.CrossEntropy()(tf.one_hot(LABELS, 3), LOGITS)


@pytest.mark.parametrize("shape", [(2,), (2, 1), (2, 5, 6), (2, 5, 6, 1)])
def test_weights_of_images_or_pixels(shape):
    weights = RNG.uniform(size=shape)
    found = losses.CrossEntropy()(LABELS, LOGITS, weights)
    of_pixels = weights.reshape(2, *((5, 6) if weights.size > 2 else (1, 1)))
    wanted = (of_pixels * cross_entropies()).sum() / (LABELS != 255).sum()
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_what_no_loss_takes():
    with pytest.raises(ValueError, match="dice: takes no sample_weight"):
        losses.Dice()(LABELS, LOGITS, np.ones(2))
    with pytest.raises(ValueError, match=r"must be 3 numbers, .* Received: \(1, 2\)"):
        losses.CrossEntropy(class_weights=(1, 2))(LABELS, LOGITS)
    for make in (
        lambda: losses.CrossEntropy(class_weights="median_frequency"),
        lambda: losses.Combined("focal(class_weights=median_frequency)"),
    ):
        with pytest.raises(ValueError, match="class_weight_numbers, which computes them"):
            make()


@pytest.mark.parametrize(("loss", "text"), SAME, ids=IDS)
def test_configuration_makes_the_same_loss(loss, text):
    copy = keras.losses.deserialize(keras.losses.serialize(loss))
    assert type(copy) is type(loss) and copy.get_config() == loss.get_config()
    np.testing.assert_array_equal(copy(LABELS, LOGITS), loss(LABELS, LOGITS))
