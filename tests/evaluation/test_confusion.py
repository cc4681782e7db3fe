import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import accuracy_score, confusion_matrix, jaccard_score, recall_score

from deeplab_tf.evaluation.confusion import ABSENT_RULES, ConfusionMatrix, mean_over_classes
from tests.evaluation.label_maps import NUM_CLASSES, VOID, labels_and_predictions


def counted(labels, predictions, num_classes=4, **kwargs):
    matrix = ConfusionMatrix(num_classes, **kwargs)
    matrix.update(np.array(labels), np.array(predictions))
    return matrix


def test_hand_table():
    labels = [[0, 0, 0, 1], [1, 1, 2, 255]]
    predictions = [[0, 0, 1, 1], [1, 2, 2, 0]]
    cm = counted(labels, predictions, num_classes=3)
    assert cm.matrix.tolist() == [[2, 1, 0], [0, 2, 1], [0, 0, 1]]
    assert cm.matrix.dtype == np.int64
    np.testing.assert_allclose(cm.per_class_iou(), [2 / 3, 2 / 4, 1 / 2])
    assert cm.mean_iou() == pytest.approx((2 / 3 + 1 / 2 + 1 / 2) / 3)
    assert cm.pixel_accuracy() == pytest.approx(5 / 7)
    assert cm.mean_accuracy() == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)
    weighted = 3 / 7 * 2 / 3 + 3 / 7 * 1 / 2 + 1 / 7 * 1 / 2
    assert cm.frequency_weighted_iou() == pytest.approx(weighted)


def test_scores_of_real_labels_equal_scikit_learns():
    pairs = labels_and_predictions()
    cm = ConfusionMatrix(NUM_CLASSES)
    for label, prediction in pairs:
        cm.update(label, prediction)
    labels, predictions = (
        np.concatenate([maps[i][maps[0] != VOID] for maps in pairs]) for i in (0, 1)
    )
    ids = range(NUM_CLASSES)
    np.testing.assert_array_equal(cm.matrix, confusion_matrix(labels, predictions, labels=ids))
    labelled, occurring = np.unique(labels), np.union1d(labels, predictions)
    ious = jaccard_score(labels, predictions, labels=occurring, average=None)
    np.testing.assert_allclose(cm.per_class_iou()[occurring], ious)
    assert cm.mean_iou() == pytest.approx(ious.mean())
    assert cm.pixel_accuracy() == pytest.approx(accuracy_score(labels, predictions))
    recall = recall_score(labels, predictions, labels=labelled, average="macro")
    assert cm.mean_accuracy() == pytest.approx(recall)
    weighted = jaccard_score(labels, predictions, labels=labelled, average="weighted")
    assert cm.frequency_weighted_iou() == pytest.approx(weighted)


def test_a_class_in_neither_labels_nor_predictions_is_left_out():
    cm = counted([0, 0, 1], [0, 1, 1])
    np.testing.assert_array_equal(cm.per_class_iou(), [0.5, 0.5, np.nan, np.nan])
    assert cm.mean_iou() == 0.5


def test_a_class_predicted_but_never_labelled_counts_as_zero():
    cm = counted([0, 0, 1, 1], [0, 3, 1, 1])
    np.testing.assert_array_equal(cm.per_class_iou(), [0.5, 1.0, np.nan, 0.0])
    assert cm.mean_iou() == 0.5


@pytest.mark.parametrize(
    ("absent", "expected"),
    [
        ("exclude", (1 / 2 + 1 + 0) / 3),
        ("exclude_unlabelled", (1 / 2 + 1) / 2),
        ("zero", (1 / 2 + 1 + 0 + 0) / 4),
        ("one", (1 / 2 + 1 + 0 + 1) / 4),
        ("nan", np.nan),
    ],
)
def test_rules_for_absent_classes(absent, expected):
    cm = counted([0, 0, 1, 1], [0, 3, 1, 1])  # 2 occurs nowhere, 3 is predicted only
    np.testing.assert_allclose(cm.mean_iou(absent), expected)


def test_rules_agree_where_every_class_is_labelled():
    cm = counted([0, 1, 2, 3, 3], [0, 1, 2, 3, 0])
    for absent in ABSENT_RULES:
        assert cm.mean_iou(absent) == pytest.approx((1 / 2 + 1 + 1 + 1 / 2) / 4)
    assert len(ABSENT_RULES) == 5
    with pytest.raises(ValueError, match=r"one of exclude, .*nan\. Received: 'skip'"):
        mean_over_classes([0.5], [True], "skip")


def test_a_class_predicted_but_never_labelled_has_no_accuracy():
    cm = counted([0, 0, 1, 1], [0, 3, 1, 1])
    assert cm.mean_accuracy() == pytest.approx((1 / 2 + 1) / 2)
    assert cm.frequency_weighted_iou() == pytest.approx(1 / 2 * 1 / 2 + 1 / 2 * 1)


def test_a_class_predicted_on_void_only_does_not_occur():
    cm = counted([0, 255], [0, 3])
    np.testing.assert_array_equal(cm.per_class_iou(), [1.0, np.nan, np.nan, np.nan])
    assert cm.mean_iou() == cm.pixel_accuracy() == 1.0


def test_without_a_counted_pixel_there_is_no_score():
    cm = counted([255, 255], [0, 1])
    assert cm.matrix.sum() == 0
    assert np.isnan(cm.per_class_iou()).all()
    assert np.isnan(cm.mean_iou())
    assert np.isnan(cm.pixel_accuracy())
    assert np.isnan(cm.mean_accuracy())
    assert np.isnan(cm.frequency_weighted_iou())


def test_the_whole_set_is_scored_not_the_mean_of_images():
    cm = ConfusionMatrix(2)
    cm.update(np.zeros(9, int), np.zeros(9, int))
    cm.update(np.ones(1, int), np.zeros(1, int))
    np.testing.assert_allclose(cm.per_class_iou(), [0.9, 0.0])


def test_replicas_sum_to_one_matrix():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, (6, 7, 8))
    labels[labels == 4] = 255
    predictions = rng.integers(0, 4, labels.shape)
    whole = counted(labels, predictions)
    first, second = (counted(labels[i::2], predictions[i::2]) for i in (0, 1))
    np.testing.assert_array_equal((first + second).matrix, whole.matrix)
    assert first.matrix.sum() < whole.matrix.sum()
    assert first.merge(second) is first
    np.testing.assert_array_equal(first.matrix, whole.matrix)
    loops = np.zeros([4, 4], int)
    for label, prediction in zip(labels.ravel(), predictions.ravel(), strict=True):
        if label != 255:
            loops[label, prediction] += 1
    np.testing.assert_array_equal(whole.matrix, loops)


def test_dtypes_and_tensors():
    labels = np.arange(200).astype(np.uint8)
    wanted = counted(labels, labels, num_classes=200).matrix
    np.testing.assert_array_equal(wanted, np.eye(200))
    cm = ConfusionMatrix(200)
    cm.update(tf.constant(labels), tf.cast(labels, tf.int64))
    np.testing.assert_array_equal(cm.matrix, wanted)


def test_without_an_ignore_label():
    assert counted([0, 1], [0, 1], ignore_label=None).pixel_accuracy() == 1.0
    with pytest.raises(ValueError, match="255"):
        counted([0, 255], [0, 1], ignore_label=None)


def test_predictions_on_void_may_be_anything():
    assert counted([0, 255], [0, 255]).pixel_accuracy() == 1.0


@pytest.mark.parametrize(
    ("labels", "predictions", "message"),
    [
        ([0, 4], [0, 0], r"Labels must be 0\.\.3 or 255 \(ignored\)\. Received: 4"),
        ([0, -1], [0, 0], "Received: -1"),
        ([0, 1], [0, 4], r"Predictions must be 0\.\.3\. Received: 4"),
        ([0, 1], [0, 255], "Predictions"),
        ([0, 1], [0.0, 1.0], "Predictions must be integers"),
        ([0.0, 1.0], [0, 1], "Labels must be integers"),
        ([0, 1], [[0, 1]], "same shape"),
    ],
)
def test_wrong_input_is_an_error_and_counts_nothing(labels, predictions, message):
    cm = ConfusionMatrix(4)
    with pytest.raises(ValueError, match=message):
        cm.update(np.array(labels), np.array(predictions))
    assert cm.matrix.sum() == 0


def test_only_like_matrices_merge():
    with pytest.raises(ValueError, match=r"\(4, 255\) and \(5, 255\)"):
        ConfusionMatrix(4).merge(ConfusionMatrix(5))
    with pytest.raises(TypeError):
        ConfusionMatrix(4) + 1
    with pytest.raises(ValueError, match="num_classes"):
        ConfusionMatrix(0)
