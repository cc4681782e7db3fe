import keras
import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.evaluation import ConfusionMatrix
from deeplab_tf.evaluation.confusion import ABSENT_RULES
from deeplab_tf.metrics import MeanIoU, PixelAccuracy

CLASSES = 6


def batches(void=255):
    """Labels and logits: class 4 is only predicted, class 5 occurs nowhere."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(3):
        labels = rng.integers(0, 4, [2, 7, 8])
        logits = rng.normal(size=[2, 7, 8, CLASSES]) + 2 * np.eye(CLASSES)[labels]
        logits[..., 5] = -9
        labels[rng.uniform(size=labels.shape) < 0.2] = void
        found.append((labels, logits))
    return found


def counted(**options):
    matrix = ConfusionMatrix(CLASSES, **options)
    for labels, logits in batches():
        matrix.update(labels, logits.argmax(-1))
    return matrix


@pytest.mark.parametrize("absent", ABSENT_RULES)
def test_mean_iou_is_that_of_the_confusion_matrix(absent):
    metric = MeanIoU(CLASSES, absent=absent)
    for labels, logits in batches():
        metric.update_state(labels, logits)
    np.testing.assert_allclose(metric.result(), counted().mean_iou(absent), rtol=1e-6)
    matrix = metric.confusion_matrix()
    np.testing.assert_array_equal(matrix.matrix, counted().matrix)
    assert matrix.matrix.dtype == np.int64 and np.isnan(matrix.per_class_iou()[5])


def test_pixel_accuracy_is_that_of_the_confusion_matrix():
    metric = PixelAccuracy()
    for labels, logits in batches():
        metric.update_state(labels[..., None].astype(np.float32), logits)
    np.testing.assert_allclose(metric.result(), counted().pixel_accuracy(), rtol=1e-6)


def test_another_ignore_label_and_none():
    (labels, logits), *_ = batches(void=5)
    for void in (5, None):
        metric, matrix = MeanIoU(CLASSES, ignore_label=void), ConfusionMatrix(CLASSES, void)
        metric.update_state(labels, logits), matrix.update(labels, logits.argmax(-1))
        np.testing.assert_allclose(metric.result(), matrix.mean_iou(), rtol=1e-6)


@pytest.mark.parametrize("metric", [MeanIoU(CLASSES), PixelAccuracy()])
def test_reset_forgets_and_nothing_is_nan(metric):
    (labels, logits), *_ = batches()
    metric.update_state(labels, logits)
    first = float(metric.result())
    metric.reset_state()
    assert np.isnan(metric.result())
    metric.update_state(np.full_like(labels, 255), logits)
    assert np.isnan(metric.result())
    metric.update_state(labels, logits)
    assert float(metric.result()) == first > 0


def test_counts_are_exact_where_float32_is_not():
    metric = PixelAccuracy()
    metric.counts.assign([2.0**24, 2.0**24])
    metric.update_state(np.zeros([1, 1, 1], int), np.eye(2)[None, None, :1])
    assert metric.counts.numpy()[1] == 2**24 + 1


def test_a_label_that_is_no_class_is_an_error():
    metric = MeanIoU(3)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"0\.\.2 or 255"):
        metric.update_state(np.array([[[3]]]), np.zeros([1, 1, 1, 3]))
    assert metric.confusion_matrix().matrix.sum() == 0


def test_what_the_metrics_refuse():
    with pytest.raises(ValueError, match="absent must be one of"):
        MeanIoU(3, absent="ignore")
    with pytest.raises(ValueError, match="num_classes must be"):
        MeanIoU(0)
    with pytest.raises(ValueError, match="pixel_accuracy takes no sample_weight"):
        PixelAccuracy().update_state(np.zeros([1, 2, 2]), np.zeros([1, 2, 2, 3]), np.ones(1))


@pytest.mark.parametrize("metric", [MeanIoU(4, 99, "zero", "iou"), PixelAccuracy(None, "right")])
def test_configuration_makes_the_same_metric(metric):
    copy = keras.metrics.deserialize(keras.metrics.serialize(metric))
    assert type(copy) is type(metric) and copy.get_config() == metric.get_config()
