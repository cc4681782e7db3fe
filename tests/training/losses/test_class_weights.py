import dataclasses

import numpy as np
import pytest

from deeplab_tf.data.label_statistics import LabelStatistics, count_labels
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.data.synthetic import SyntheticSplit
from deeplab_tf.training.losses import parse_loss
from deeplab_tf.training.losses.class_weights import class_weight_numbers

SPEC = DatasetSpec("pets", ("background", "cat", "dog", "bird"))
# Two images of 100 pixels: 90 and 40 background, 10 cat, 60 dog, no bird.
STATISTICS = LabelStatistics(
    SPEC, ["a", "b"], 2, np.array([[90, 10, 0, 0], [40, 0, 60, 0]]), np.full((2, 2), 10)
)
SPLIT = SyntheticSplit("train", 6)


def test_median_frequency_by_hand():
    # Frequencies in the images where they occur: 0.65, 0.1 and 0.6, with the median 0.6.
    wanted = [0.6 / 0.65, 0.6 / 0.1, 1, 1]
    found = class_weight_numbers("median_frequency", STATISTICS)
    np.testing.assert_allclose(found, wanted)
    roots = class_weight_numbers("sqrt_median_frequency", STATISTICS)
    np.testing.assert_allclose(roots, np.sqrt(wanted))


def test_inverse_frequency_by_hand():
    found = class_weight_numbers("inverse_frequency", STATISTICS)
    np.testing.assert_allclose(found, [200 / 3 / 130, 200 / 3 / 10, 200 / 3 / 60, 1])
    assert (found * STATISTICS.class_pixels).sum() / 200 == pytest.approx(1)


def test_nothing_labelled_has_weights_of_one():
    empty = dataclasses.replace(STATISTICS, pixels=np.zeros((2, 4), np.int64))
    with np.errstate(all="ignore"):
        found = [class_weight_numbers(n, empty) for n in ("median_frequency", "inverse_frequency")]
    assert found == [(1, 1, 1, 1)] * 2


def test_names_become_numbers_of_the_training_labels():
    text = "cross_entropy(class_weights=median_frequency) + focal(class_weights=(1, 2, 3, 4, 5))"
    logged = []
    loss = parse_loss(text + " + dice").for_split(SPLIT, logged.append)
    weights = count_labels(SPLIT).median_frequency_weights
    assert [getattr(term.loss, "class_weights", None) for term in loss.terms] == [
        pytest.approx(tuple(weights)), (1, 2, 3, 4, 5), None,
    ]  # fmt: skip
    (line,) = logged
    assert line.startswith(f"class weights median_frequency: background {weights[0]:.4g}, ")


def test_without_names_no_label_is_read():
    split = SyntheticSplit("train", 6)
    split.load = None
    logged = []
    loss = parse_loss("cross_entropy + dice")
    assert loss.for_split(split, logged.append) == loss and not logged


def test_a_list_for_other_classes_is_refused():
    with pytest.raises(ValueError, match=r"of focal must be 5 numbers.*'synthetic'.*\(1, 2\)"):
        parse_loss("dice + focal(class_weights=(1, 2))").for_split(SPLIT, print)


def test_names_cannot_be_used_as_numbers():
    with pytest.raises(ValueError, match=r"median_frequency needs the labels: use TotalLoss"):
        parse_loss("focal(class_weights=median_frequency)")(
            np.zeros((1, 1, 1), int), np.zeros((1, 1, 1, 2), np.float32), 255
        )
