import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.training.losses.batch_weights import (
    count_valid,
    mark_void,
    micro_batch_weights,
    subsample_labels,
)


@pytest.mark.parametrize("ignore_label", [255, 0, -1])
def test_void_is_marked_whatever_its_id(ignore_label):
    labels = tf.constant([[3, ignore_label], [7, 1]])
    np.testing.assert_array_equal(mark_void(labels, ignore_label), [[3, -1], [7, 1]])


def test_subsampling_takes_every_strideth_label():
    labels = np.arange(2 * 3 * 17 * 9).reshape(2, 3, 17, 9)
    found = subsample_labels(tf.constant(labels), 8)
    wanted = labels[:, :, [0, 8, 16]][..., [0, 8]]
    np.testing.assert_array_equal(found, wanted)


def test_count_is_over_images_height_and_width():
    labels = np.zeros((2, 3, 4, 5), np.int32)
    labels[0, 1] = -1
    labels[1, :, 0, 0] = -1
    np.testing.assert_array_equal(count_valid(tf.constant(labels)), [40, 57])


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
