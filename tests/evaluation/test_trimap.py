import numpy as np
import pytest
from scipy import ndimage
from sklearn.metrics import confusion_matrix

from deeplab_tf.evaluation.trimap import MAX_WIDTH, Trimap
from tests.evaluation.label_maps import NUM_CLASSES, VOID, labels_and_predictions


def literal_band(label, contours, width):
    """A dilation by a square for this one width; flat dilation is a maximum filter."""
    side = 2 * width + 1
    if contours == "void":
        near = ndimage.maximum_filter(label == VOID, side, mode="constant", cval=False)
    else:
        filters = (ndimage.maximum_filter, ndimage.minimum_filter)
        highest, lowest = (f(label, side, mode="nearest") for f in filters)
        near = highest != lowest
    return near & (label != VOID)


@pytest.mark.slow
@pytest.mark.parametrize("contours", ["void", "label_edges"])
def test_equals_one_dilation_a_width(contours):
    trimap, expected = Trimap(NUM_CLASSES, contours=contours), 0
    for label, prediction in labels_and_predictions():
        trimap.update(label, prediction)
        bands = [literal_band(label, contours, width) for width in range(1, MAX_WIDTH + 1)]
        expected += np.stack(
            [confusion_matrix(label[b], prediction[b], labels=range(NUM_CLASSES)) for b in bands]
        )
    np.testing.assert_array_equal(trimap.matrices, expected)
    assert expected[0].sum() > 1000 and np.all(np.diff(expected.sum((1, 2))) > 0)
    for width in (1, 7, 40):
        matrix = expected[width - 1]
        union = matrix.sum(0) + matrix.sum(1) - np.diag(matrix)
        ious = np.diag(matrix)[union > 0] / union[union > 0]
        assert trimap.mean_iou()[width - 1] == pytest.approx(ious.mean())
        right = np.trace(matrix) / matrix.sum()
        assert trimap.pixel_accuracy()[width - 1] == pytest.approx(right)


def test_hand_table_around_void():
    label = np.array([[0, 0, 0, 255, 1, 1, 1]])
    prediction = np.array([[1, 0, 1, 0, 1, 1, 0]])
    trimap = Trimap(2, max_width=4)
    trimap.update(label, prediction)
    assert trimap.matrices.tolist() == [
        [[0, 1], [0, 1]], [[1, 1], [0, 2]], [[1, 2], [1, 2]], [[1, 2], [1, 2]],
    ]  # fmt: skip
    np.testing.assert_allclose(trimap.pixel_accuracy(), [1 / 2, 3 / 4, 1 / 2, 1 / 2])
    ious = [(0 + 1 / 2) / 2, (1 / 2 + 2 / 3) / 2, (1 / 4 + 2 / 5) / 2, (1 / 4 + 2 / 5) / 2]
    np.testing.assert_allclose(trimap.mean_iou(), ious)


def test_hand_table_around_label_edges():
    label = np.array([[0, 0, 0, 1, 1, 255]])
    trimap = Trimap(2, contours="label_edges", max_width=3)
    trimap.update(label, np.array([[0, 0, 0, 1, 0, 0]]))
    # The last 1 lies at an edge to void, which itself is not counted.
    assert trimap.matrices.sum((1, 2)).tolist() == [3, 4, 5]
    np.testing.assert_allclose(trimap.pixel_accuracy(), [2 / 3, 3 / 4, 4 / 5])


def test_bands_are_square_and_end_at_the_border():
    label = np.zeros([9, 9], np.uint8)
    label[0, 0] = VOID
    trimap = Trimap(1, max_width=9)
    trimap.update(label, np.zeros_like(label))
    sizes = [min(width + 1, 9) ** 2 - 1 for width in range(1, 10)]
    assert trimap.matrices.sum((1, 2)).tolist() == sizes


def test_without_a_contour_there_is_no_score():
    trimap = Trimap(2)
    trimap.update(np.zeros([5, 6], int), np.ones([5, 6], int))
    assert np.isnan(trimap.mean_iou()).all() and np.isnan(trimap.pixel_accuracy()).all()
    assert len(trimap.mean_iou()) == 40


def test_the_rule_for_absent_classes_holds_for_every_width():
    trimap = Trimap(4, max_width=2)
    trimap.update(np.array([[255, 0, 1]]), np.array([[0, 0, 3]]))
    # Width 1: class 0 right. Width 2: also 1 mistaken for 3.
    np.testing.assert_allclose(trimap.mean_iou(), [1, 1 / 3])
    np.testing.assert_allclose(trimap.mean_iou("zero"), [1 / 4, 1 / 4])
    np.testing.assert_allclose(trimap.mean_iou("exclude_unlabelled"), [1, 1 / 2])


def test_wrong_input_is_an_error_and_counts_nothing():
    trimap = Trimap(3)
    with pytest.raises(ValueError, match=r"Predictions must be 0\.\.2"):
        trimap.update(np.array([[0, 255]]), np.array([[3, 0]]))
    assert trimap.matrices.sum() == 0
    with pytest.raises(ValueError, match=r"void or label_edges\. Received: 'edges'"):
        Trimap(3, contours="edges")
