import numpy as np
import pytest

from deeplab_tf.data.majority_baseline import constant_prediction_miou, majority_baseline
from deeplab_tf.evaluation import ConfusionMatrix


@pytest.mark.parametrize("pixels", [(6, 2, 1), (0, 3, 0), (5, 0, 5), (0, 1, 9)])
def test_scores_are_those_of_the_confusion_matrix(pixels):
    labels = np.repeat([0, 1, 2, 255], [*pixels, 4])
    expected = []
    for class_id in range(3):
        matrix = ConfusionMatrix(3)
        matrix.update(labels, np.full_like(labels, class_id))
        expected.append(matrix.mean_iou())
    np.testing.assert_allclose(constant_prediction_miou(pixels), expected)
    best = int(np.argmax(expected))
    assert majority_baseline(pixels, "abc") == {
        "class": "abc"[best],
        "miou": pytest.approx(expected[best]),
    }


def test_without_a_labelled_pixel_there_is_no_score():
    assert np.isnan(constant_prediction_miou([0, 0])).all()
    assert majority_baseline([0, 0], "ab")["miou"] is None
