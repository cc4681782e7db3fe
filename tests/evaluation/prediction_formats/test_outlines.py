import numpy as np
import pytest
from skimage.draw import polygon2mask

from deeplab_tf.evaluation.prediction_formats.outlines import outline_polygon, signed_area
from deeplab_tf.evaluation.prediction_formats.regions import LabelRegion, label_regions
from tests.evaluation.prediction_formats.labelled import (
    blobs,
    drawn_labels,
    labelled,
    noise_labels,
    touches_another,
)

LABELS = [drawn_labels(), noise_labels(), blobs()]


def whole_mask(region, shape):
    mask = np.zeros(shape, bool)
    height, width = region.mask.shape
    mask[region.top : region.top + height, region.left : region.left + width] = region.mask
    return mask


def filled(points, shape):
    """Scikit-image's filling; there the centre of a pixel has whole numbers."""
    return polygon2mask(shape, points[:, ::-1] - 0.5)


@pytest.mark.parametrize("labels", LABELS)
def test_without_tolerance_the_polygon_is_the_region(tmp_path, labels):
    for region in label_regions(labelled(tmp_path, labels)):
        polygon = outline_polygon(region, tolerance=0)
        np.testing.assert_array_equal(
            filled(polygon, labels.shape), whole_mask(region, labels.shape)
        )


@pytest.mark.parametrize("labels", LABELS)
def test_with_tolerance_only_pixels_at_the_outline_differ(tmp_path, labels):
    inner, points = ~touches_another(labels), 0
    for region in label_regions(labelled(tmp_path, labels)):
        polygon, mask = outline_polygon(region), whole_mask(region, labels.shape)
        found = filled(polygon, labels.shape)
        assert not (inner & (found != mask)).any()
        assert abs(found.sum() - region.area) <= 0.5 * region.area
        points += len(polygon)
    assert np.isfinite(points) and points > 0


def test_round_outlines_need_few_points(tmp_path):
    regions = list(label_regions(labelled(tmp_path, blobs())))
    few, all_of_them = (
        sum(len(outline_polygon(region, tolerance)) for region in regions) for tolerance in (0.4, 0)
    )
    assert few < 0.6 * all_of_them


def test_coordinates_are_those_of_edges():
    """The upper left pixel spans 0 to 1; corners of a box are cut by half a pixel."""
    polygon = outline_polygon(LabelRegion(0, 3, 5, np.ones([2, 4], bool), 8), tolerance=0)
    assert polygon.min(axis=0).tolist() == [5, 3]
    assert polygon.max(axis=0).tolist() == [9, 5]
    assert abs(signed_area(polygon)) == 8 - 4 * 0.5**3


def test_a_hole_counts_as_outside():
    mask = np.ones([5, 7], bool)
    mask[2, 2:5] = False
    polygon = outline_polygon(LabelRegion(0, 0, 0, mask, 32), tolerance=0)
    assert abs(signed_area(polygon)) == 5 * 7 - 0.5 - (3 - 0.5)
