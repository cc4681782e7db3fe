"""Values and gradients of every loss against NumPy, on one batch."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.training.losses import LOSSES, parse_loss
from tests.training.fakes import VOID
from tests.training.losses import reference

WEIGHTS = (0.5, 2.0, 1.0)
# Text -> the same in NumPy. The batch below has 53 valid pixels.
FORMS = {
    "cross_entropy": reference.cross_entropy,
    "cross_entropy(class_weights=(0.5, 2, 1))": lambda z, y: reference.cross_entropy(z, y, WEIGHTS),
    "cross_entropy(label_smoothing=0.1, class_weights=(0.5, 2, 1))": lambda z, y: (
        reference.cross_entropy(z, y, WEIGHTS, 0.1)
    ),
    "focal": reference.focal,
    "focal(gamma=0.5)": lambda z, y: reference.focal(z, y, 0.5),
    "focal(gamma=3, class_weights=[0.5, 2, 1])": lambda z, y: reference.focal(z, y, 3.0, WEIGHTS),
    "focal(gamma=0)": reference.cross_entropy,
    "ohem": lambda z, y: reference.ohem(z, y, 14),
    "ohem(share=0.5)": lambda z, y: reference.ohem(z, y, 27),
    "ohem(share=1)": reference.cross_entropy,
    "ohem(threshold=0.2)": lambda z, y: reference.ohem(z, y, threshold=0.2),
    "ohem(share=0.5, threshold=0.2)": lambda z, y: reference.ohem(z, y, 27, 0.2),
    "ohem(share=0.01, threshold=0.9)": lambda z, y: reference.ohem(z, y, 1, 0.9),
    "dice": reference.dice,
    "lovasz": reference.lovasz,
    "2*cross_entropy + 0.25*dice + lovasz": lambda z, y: (
        2 * reference.cross_entropy(z, y) + reference.dice(z, y) / 4 + reference.lovasz(z, y)
    ),
}


@pytest.fixture(scope="module")
def batch():
    """Logits and labels of odd shape; a part is void, and so is one whole image."""
    rng = np.random.default_rng(0)
    logits = rng.normal(scale=2, size=(3, 5, 7, 3)).astype(np.float32)
    labels = rng.integers(0, 3, (3, 5, 7)).astype(np.int32)
    labels[0, :2] = labels[0, 2, :3] = labels[2] = VOID
    assert (labels != VOID).sum() == 53
    return logits, labels


def value_and_gradient(text, logits, labels):
    logits = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = parse_loss(text)(labels, logits, VOID)
    assert value.dtype == tf.float32
    gradient = tape.gradient(value, logits)
    assert gradient.dtype == logits.dtype
    return float(value), gradient.numpy()


def test_every_loss_is_compared():
    assert {text.split("(")[0] for text in FORMS} >= set(LOSSES)


@pytest.mark.parametrize("text", FORMS)
def test_value_is_numpys(batch, text):
    value, _ = value_and_gradient(text, *batch)
    assert value == pytest.approx(FORMS[text](*batch), rel=1e-5)


@pytest.mark.parametrize("text", FORMS)
def test_gradient_is_numpys_slope(batch, text):
    logits, labels = batch
    _, gradient = value_and_gradient(text, logits, labels)
    assert np.all(gradient[labels == VOID] == 0)
    places = [(0, 2, 5), (0, 4, 6), (1, 0, 0), (1, 3, 3)]
    for place in [(*p, c) for p in places for c in range(3)]:
        step = np.zeros(logits.shape)
        step[place] = 1e-6
        both = (FORMS[text](logits + sign * step, labels) for sign in (1, -1))
        assert gradient[place] == pytest.approx((next(both) - next(both)) / 2e-6, abs=2e-6)
    assert np.abs(gradient).max() > 1e-3


@pytest.mark.parametrize("text", FORMS)
def test_nothing_but_void_has_neither_loss_nor_gradient(batch, text):
    value, gradient = value_and_gradient(text, batch[0], np.full_like(batch[1], VOID))
    assert value == 0.0 and np.all(gradient == 0)


@pytest.mark.parametrize("text", FORMS)
def test_half_precision_is_computed_in_float32(batch, text):
    half = batch[0].astype(np.float16)
    value, gradient = value_and_gradient(text, half, batch[1])
    exact, wanted = value_and_gradient(text, half.astype(np.float32), batch[1])
    assert value == exact
    np.testing.assert_array_equal(gradient, wanted.astype(np.float16))


@pytest.mark.parametrize("text", FORMS)
def test_huge_logits_and_those_of_void_keep_gradients_finite(batch, text):
    logits, labels = batch[0].copy(), batch[1]
    logits[labels == VOID] = 1e30, -1e30, 1e30
    wanted, _ = value_and_gradient(text, *batch)
    assert value_and_gradient(text, logits, labels)[0] == wanted
    for sign in (1e4, -1e4):  # certain and right, or certain and wrong
        logits[labels != VOID] = sign * np.eye(3)[labels[labels != VOID]]
        value, gradient = value_and_gradient(text, logits, labels)
        assert np.isfinite(value) and np.isfinite(gradient).all()
        # Smoothed targets never want certainty.
        is_right = sign > 0 and "smoothing" not in text
        assert value == pytest.approx(0, abs=1e-6) if is_right else value > 0.5


@pytest.mark.parametrize("ignore_label", [255, 0, -1])
def test_the_id_of_void_is_the_data_sets(ignore_label):
    labels = np.array([[[ignore_label, 1]]], np.int32)
    logits = tf.constant([[[[1e30, -1e30, 0.0], [0.0, 0.0, 0.0]]]])
    assert float(parse_loss("cross_entropy")(labels, logits, ignore_label)) == pytest.approx(
        np.log(3)
    )


def test_sums_of_many_pixels_are_exact():
    labels = np.zeros([1, 100, 100], np.int32)
    loss = parse_loss("cross_entropy")(labels, tf.zeros([1, 100, 100, 2], tf.float16), VOID)
    # The sum, 10^4 log 2, is beyond what float16 can tell apart.
    assert float(loss) == pytest.approx(np.log(2), rel=1e-5)


def test_equally_hard_pixels_are_all_kept():
    # One pixel of class 1 among nine of class 0, and the first class is likely.
    labels = np.zeros([1, 2, 5], np.int32)
    labels[0, 1, 2] = 1
    logits = tf.tile(tf.math.log([[[[0.75, 0.25]]]]), [1, 2, 5, 1])
    hardest = parse_loss("ohem(share=0.1)")(labels, logits, VOID)
    assert float(hardest) == pytest.approx(np.log(4))  # 0.1 * 10 is one pixel
    more = parse_loss("ohem(share=0.11)")(labels, logits, VOID)
    assert float(more) == pytest.approx((np.log(4) - 9 * np.log(0.75)) / 10)
