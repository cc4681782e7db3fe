import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.training.losses.normalization import (
    count_valid,
    cross_entropy_sum,
    micro_batch_weights,
    subsample_labels,
)
from tests.training.fakes import VOID, pixel_losses


def test_sum_is_numpys_over_the_valid_pixels():
    rng = np.random.default_rng(0)
    logits = rng.normal(scale=5, size=(2, 4, 5, 3)).astype(np.float32)
    labels = rng.integers(0, 3, (2, 4, 5)).astype(np.int32)
    labels[0, :2] = VOID
    found = cross_entropy_sum(labels, logits, VOID)
    np.testing.assert_allclose(found, pixel_losses(logits, labels).sum(), rtol=1e-5)


def test_hand_number():
    # Equal logits of 4 classes: log 4 a pixel; one of three pixels is void.
    labels = tf.constant([[[0, VOID, 3]]])
    assert float(cross_entropy_sum(labels, tf.zeros([1, 1, 3, 4]), VOID)) == pytest.approx(
        2 * np.log(4)
    )


def test_large_scores_stay_finite():
    logits = tf.constant([[[[1e4, -1e4]]]])
    assert float(cross_entropy_sum(tf.constant([[[1]]]), logits, VOID)) == pytest.approx(2e4)


@pytest.mark.parametrize("ignore_label", [255, 0, -1])
def test_void_pixels_have_neither_loss_nor_gradient(ignore_label):
    labels = tf.constant([[[ignore_label, 1]]])
    logits = tf.Variable([[[[1e30, -1e30, 0.0], [0.0, 0.0, 0.0]]]])
    with tf.GradientTape() as tape:
        loss = cross_entropy_sum(labels, logits, ignore_label)
    gradient = tape.gradient(loss, logits).numpy()[0, 0]
    assert float(loss) == pytest.approx(np.log(3))
    np.testing.assert_allclose(gradient, [[0, 0, 0], [1 / 3, -2 / 3, 1 / 3]], atol=1e-6)


def test_half_precision_scores_are_summed_in_float32():
    labels = tf.zeros([1, 100, 100], tf.int32)
    loss = cross_entropy_sum(labels, tf.zeros([1, 100, 100, 2], tf.float16), VOID)
    # 10^4 log 2 is beyond what float16 can tell apart.
    assert loss.dtype == tf.float32 and float(loss) == pytest.approx(1e4 * np.log(2), rel=1e-5)


def test_subsampling_takes_every_strideth_label():
    labels = np.arange(2 * 3 * 17 * 9).reshape(2, 3, 17, 9)
    found = subsample_labels(tf.constant(labels), 8)
    wanted = labels[:, :, [0, 8, 16]][..., [0, 8]]
    np.testing.assert_array_equal(found, wanted)


def test_count_is_over_images_height_and_width():
    labels = np.zeros((2, 3, 4, 5), np.int32)
    labels[0, 1] = VOID
    labels[1, :, 0, 0] = VOID
    np.testing.assert_array_equal(count_valid(tf.constant(labels), VOID), [40, 57])


# Two micro-batches, three maps; the last map has no valid pixel at all.
COUNTS = [[4.0, 2.0, 0.0], [12.0, 0.0, 0.0]]


def test_valid_weighs_every_pixel_of_the_batch_alike():
    weights = micro_batch_weights(tf.constant(COUNTS), "valid")
    np.testing.assert_allclose(weights, [[1 / 16, 1 / 2, 0], [1 / 16, 1 / 2, 0]])


def test_caffe_is_the_mean_of_the_micro_batches_means():
    weights = micro_batch_weights(tf.constant(COUNTS), "caffe")
    # Half a mean of 4, 2 and 12 pixels; a micro-batch of void alone adds 0 and still counts.
    np.testing.assert_allclose(weights, [[1 / 8, 1 / 4, 0], [1 / 24, 0, 0]])


@pytest.mark.parametrize("normalize", ["valid", "caffe"])
def test_nothing_but_void_has_weight_zero(normalize):
    weights = micro_batch_weights(tf.zeros([2, 3]), normalize)
    np.testing.assert_array_equal(weights, np.zeros((2, 3)))


def test_one_micro_batch_is_the_same_in_both():
    counts = tf.constant([[5.0, 0.0]])
    for normalize in ("valid", "caffe"):
        np.testing.assert_allclose(micro_batch_weights(counts, normalize), [[0.2, 0]])


def test_unknown_normalization_names_the_known():
    with pytest.raises(ValueError, match=r"'valid', 'caffe'.*Received: 'batch'"):
        micro_batch_weights(tf.ones([1, 1]), "batch")
