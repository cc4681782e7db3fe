import numpy as np
import pytest
from scipy import ndimage

from deeplab_tf.evaluation.boundary_iou import BoundaryIoU
from tests.evaluation.label_maps import NUM_CLASSES, VOID, labels_and_predictions


def literal_boundary(mask, ratio):
    """The published mask_to_boundary, with SciPy in place of OpenCV."""
    height, width = mask.shape
    dilation = max(1, round(ratio * np.sqrt(height**2 + width**2)))
    padded = np.pad(mask, 1)
    # OpenCV lets what lies outside of the padded image never erode.
    eroded = ndimage.binary_erosion(padded, np.ones([3, 3]), iterations=dilation, border_value=1)
    return mask & ~eroded[1:-1, 1:-1]


def literal_counts(label, prediction, ratio=0.02):
    """Pixels in both and in either boundary, class by class."""
    counted, both, either = label != VOID, [], []
    for class_id in range(NUM_CLASSES):
        masks = ((label == class_id), (prediction == class_id) & counted)
        first, second = (literal_boundary(mask, ratio) for mask in masks)
        both.append(np.sum(first & second))
        either.append(np.sum(first | second))
    return np.array([both, either])


@pytest.mark.slow
@pytest.mark.parametrize("ratio", [0.02, 0.005])
def test_equals_a_literal_reading(ratio):
    boundary, expected = BoundaryIoU(NUM_CLASSES, ratio=ratio), 0
    for label, prediction in labels_and_predictions():
        boundary.update(label, prediction)
        expected += literal_counts(label, prediction, ratio)
    both, either = expected
    assert both.sum() > 1000
    occurs = either > 0
    ious = both[occurs] / either[occurs]
    np.testing.assert_allclose(boundary.per_class_iou()[occurs], ious)
    assert np.isnan(boundary.per_class_iou()[~occurs]).all()
    assert boundary.mean_iou() == pytest.approx(ious.mean())


def test_hand_table():
    label = np.repeat([[0, 0, 0, 0, 0, 1, 1, 1, 1, 1]], 10, axis=0)
    prediction = np.repeat([[0, 0, 0, 0, 0, 0, 1, 1, 1, 1]], 10, axis=0)
    boundary = BoundaryIoU(3)  # 2 % of 14 pixels: a rim of 1
    boundary.update(label, prediction)
    # Rims of 0: 10x5 and 10x6 without 8x3 and 8x4. They share the upper and lower row and the
    # left column; of 1: all but the column that is missing and the one beside it.
    shared = [5 + 5 + 8, 4 + 4 + 8]
    rims = [(50 - 24, 60 - 32), (50 - 24, 40 - 16)]
    ious = [s / (a + b - s) for s, (a, b) in zip(shared, rims, strict=True)]
    np.testing.assert_allclose(boundary.per_class_iou(), [*ious, np.nan])
    assert boundary.mean_iou() == pytest.approx(np.mean(ious))
    assert boundary.mean_iou("zero") == pytest.approx(sum(ious) / 3)


def test_a_right_prediction_has_one_whatever_it_is_on_void():
    for label, prediction in labels_and_predictions():
        boundary = BoundaryIoU(NUM_CLASSES)
        boundary.update(label, np.where(label == VOID, prediction, label))
        assert boundary.mean_iou() == 1.0


def test_an_image_smaller_than_the_square_is_all_rim():
    boundary = BoundaryIoU(2, ratio=0.5)
    boundary.update(np.array([[0, 0], [0, 1]]), np.array([[0, 0], [1, 1]]))
    np.testing.assert_allclose(boundary.per_class_iou(), [2 / 3, 1 / 2])


def test_wrong_input_is_an_error_and_counts_nothing():
    boundary = BoundaryIoU(3)
    with pytest.raises(ValueError, match=r"Predictions must be 0\.\.2"):
        boundary.update(np.array([[0, 255]]), np.array([[3, 0]]))
    assert np.isnan(boundary.per_class_iou()).all()
