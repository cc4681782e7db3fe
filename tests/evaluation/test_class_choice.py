import numpy as np
import pytest

from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.evaluation.class_choice import choose_classes

SPEC = DatasetSpec("four", ("Sky", "traffic light", "road", "road-side"), ignore_label=200)


def test_others_become_the_ignore_label():
    table = choose_classes(SPEC, ["road", "TRAFFIC_LIGHT"])
    assert table[:4].tolist() == [200, 1, 2, 200]
    np.testing.assert_array_equal(table[4:], np.arange(4, 256))
    np.testing.assert_array_equal(choose_classes(SPEC, None), np.arange(256))


@pytest.mark.parametrize("names", [["roads"], [""], ["road", "lamp"]])
def test_unknown_names_are_listed(names):
    with pytest.raises(ValueError, match=r"is no class of the model.*Sky, traffic light, road"):
        choose_classes(SPEC, names)


def test_no_name_is_an_error():
    with pytest.raises(ValueError, match="--classes is empty"):
        choose_classes(SPEC, [])


def test_names_that_differ_in_case_only():
    spec = DatasetSpec("two", ("Rail", "rail"))
    assert choose_classes(spec, ["rail"])[:2].tolist() == [255, 1]
    with pytest.raises(ValueError, match="'RAIL' is no class"):
        choose_classes(spec, ["RAIL"])
