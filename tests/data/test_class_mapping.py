import numpy as np
import pytest

import deeplab_tf
from deeplab_tf.data.class_mapping import class_mapping
from deeplab_tf.data.spec import DatasetSpec

NAMES = ("background", "traffic light", "car")


def spec(*names, **options):
    return DatasetSpec("data", names, **options)


def test_the_same_order_is_the_same_ids():
    mapping = class_mapping(spec(*NAMES), spec(*NAMES, ignore_label=200))
    assert mapping.dtype == np.uint8 and mapping.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "names",
    [
        ("car", "background", "traffic light"),
        ("Car", "BACKGROUND", "Traffic_Light"),
        (" car", "background ", "traffic-light"),
    ],
)
def test_another_order_is_matched_by_name(names):
    assert class_mapping(spec(*NAMES), spec(*names)).tolist() == [1, 2, 0]
    assert class_mapping(spec(*names), spec(*NAMES)).tolist() == [2, 0, 1]


def test_names_that_differ_in_their_case_alone_are_told_apart():
    assert class_mapping(spec("a", "A", "b"), spec("A", "b", "a")).tolist() == [2, 0, 1]
    with pytest.raises(ValueError, match="of the model only: B; of the data set only: b"):
        class_mapping(spec("a", "A", "B"), spec("A", "b", "a"))


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        (("background", "traffic light", "bus"), ("model only: car;", "data set only: bus)")),
        (("background", "car"), ("3 classes", "has 2", "model only: traffic light;", "only: none")),
        ((*NAMES, "bus"), ("3 classes", "has 4", "model only: none;", "data set only: bus)")),
        (tuple("abcdefg"), ("data set only: a, b, c, d, e and 2 more)",)),
    ],
)
def test_other_classes_are_named(data, parts):
    with pytest.raises(ValueError, match="not the same") as caught:
        class_mapping(spec(*NAMES), spec(*data))
    assert all(part in str(caught.value) for part in parts)


def test_unnamed_classes_are_matched_by_their_ids():
    model = deeplab_tf.DeepLab(num_classes=3, width=0.05)
    assert class_mapping(model.spec, spec(*NAMES)).tolist() == [0, 1, 2]
    assert class_mapping(spec(*NAMES), model.spec).tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="3 classes apart, the data set 'data' has 2"):
        class_mapping(model.spec, spec("a", "b"))
