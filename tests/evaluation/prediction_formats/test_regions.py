import numpy as np

from deeplab_tf.evaluation.prediction_formats.regions import label_regions
from tests.evaluation.prediction_formats.labelled import SPEC, drawn_labels, labelled


def flood(labels):
    """Collects the connected regions pixel by pixel."""
    left, regions = set(np.ndindex(labels.shape)), []
    while left:
        stack, region = [min(left)], set()
        label = labels[stack[0]]
        while stack:
            y, x = place = stack.pop()
            if place in left and labels[place] == label:
                left.remove(place)
                region.add(place)
                stack += [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
        regions.append((label, frozenset(region)))
    return set(regions)


def test_regions_are_connected_over_edges_and_the_largest_comes_first(tmp_path):
    labels = drawn_labels()
    regions = list(label_regions(labelled(tmp_path, labels)))
    found = {
        (region.label, frozenset(zip(*(np.nonzero(region.mask) + np.array(
            [[region.top], [region.left]])).tolist(), strict=True)))
        for region in regions
    }  # fmt: skip
    assert found == flood(labels)
    areas = [region.area for region in regions]
    assert areas == sorted(areas, reverse=True) and sum(areas) == labels.size
    assert areas == [region.mask.sum() for region in regions]


def test_what_is_ignored_has_no_region(tmp_path):
    labels = drawn_labels()
    labels[labels == 1] = SPEC.ignore_label
    found = {region.label for region in label_regions(labelled(tmp_path, labels))}
    assert found == {0, 2}
    labels[:] = SPEC.ignore_label
    assert list(label_regions(labelled(tmp_path, labels))) == []
