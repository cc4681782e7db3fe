import json

import numpy as np
import pytest

from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.evaluation.boundary_iou import BoundaryIoU
from deeplab_tf.evaluation.confusion import ConfusionMatrix
from deeplab_tf.evaluation.metrics import Metrics, without_counts
from deeplab_tf.evaluation.trimap import Trimap
from tests.evaluation.label_maps import NUM_CLASSES, labels_and_predictions

SPEC = DatasetSpec("street", tuple(f"class {i}" for i in range(NUM_CLASSES)))
PLAIN = {
    "miou", "absent", "pixel_accuracy", "mean_accuracy", "frequency_weighted_iou", "per_class_iou",
}  # fmt: skip


def test_plain_metrics():
    metrics = Metrics(DatasetSpec("pets", ("background", "cat", "dog")))
    metrics.update(np.array([[0, 0, 0, 1, 255]]), np.array([[0, 0, 1, 1, 2]]))
    assert metrics.results() == {
        "miou": pytest.approx((2 / 3 + 1 / 2) / 2),
        "absent": "exclude",
        "pixel_accuracy": 3 / 4,
        "mean_accuracy": pytest.approx((2 / 3 + 1) / 2),
        "frequency_weighted_iou": pytest.approx(3 / 4 * 2 / 3 + 1 / 4 * 1 / 2),
        "per_class_iou": {"background": pytest.approx(2 / 3), "cat": 1 / 2, "dog": None},
    }


@pytest.mark.parametrize("trimap", ["void", "label_edges"])
@pytest.mark.parametrize("absent", ["exclude", "zero"])
def test_all_metrics_are_those_of_their_classes(trimap, absent):
    metrics = Metrics(SPEC, trimap, boundary=True, absent=absent)
    confusion, boundary = ConfusionMatrix(NUM_CLASSES), BoundaryIoU(NUM_CLASSES)
    bands = Trimap(NUM_CLASSES, contours=trimap)
    for label, prediction in labels_and_predictions()[:3]:
        for measure in (metrics, confusion, boundary, bands):
            measure.update(label, prediction)
    results = metrics.results()
    extra = {"trimap", "boundary_iou", "per_class_boundary_iou"}
    assert results.keys() == PLAIN | extra
    assert results["absent"] == absent
    assert results["miou"] == confusion.mean_iou(absent)
    assert results["boundary_iou"] == boundary.mean_iou(absent)
    rims = np.array(list(results["per_class_boundary_iou"].values()), float)
    np.testing.assert_array_equal(rims, boundary.per_class_iou())
    assert list(results["per_class_boundary_iou"]) == list(SPEC.class_names)
    assert results["trimap"] == {
        "from": trimap,
        "widths": list(range(1, 41)),
        "miou": bands.mean_iou(absent).tolist(),
        "pixel_accuracy": bands.pixel_accuracy().tolist(),
    }
    np.testing.assert_array_equal(metrics.confusion.matrix, confusion.matrix)


def test_metrics_of_no_pixels_are_none_in_json():
    results = Metrics(SPEC, "void", boundary=True).results()
    assert results["miou"] is results["boundary_iou"] is results["mean_accuracy"] is None
    assert results["trimap"]["miou"] == [None] * 40
    json.dumps(results, allow_nan=False)


def test_wrong_names_and_input():
    with pytest.raises(ValueError, match=r"absent must be one of exclude, .* Received: 'skip'"):
        Metrics(SPEC, absent="skip")
    with pytest.raises(ValueError, match="Received: 'edges'"):
        Metrics(SPEC, trimap="edges")
    metrics = Metrics(SPEC, "void", boundary=True)
    with pytest.raises(ValueError, match="same shape"):
        metrics.update(np.zeros([3, 4], int), np.zeros([4, 3], int))
    assert metrics.results() == Metrics(SPEC, "void", boundary=True).results()


# === Counts ===


@pytest.mark.parametrize("measures", [{}, {"trimap": "label_edges", "boundary": True}])
def test_counts_of_parts_add_up_to_those_of_the_whole(measures):
    whole, first, second = (Metrics(SPEC, **measures) for _ in range(3))
    for number, pair in enumerate(labels_and_predictions()[:3]):
        whole.update(*pair)
        (second if number == 1 else first).update(*pair)
    results = json.loads(json.dumps(second.results(counts=True)))
    first.add_counts(results)
    assert first.results(counts=True) == whole.results(counts=True)
    assert whole.results(counts=True).keys() - whole.results().keys() == (
        {"confusion_matrix", "boundary_pixels"} if measures else {"confusion_matrix"}
    )


def test_counts_are_those_that_metrics_are_computed_from():
    metrics = Metrics(DatasetSpec("pets", ("background", "cat")), "void", boundary=True)
    metrics.update(np.array([[0, 0, 1, 255]]), np.array([[0, 1, 1, 1]]))
    results = metrics.results(counts=True)
    assert results["confusion_matrix"] == [[1, 1], [0, 1]]
    # The label 1 is beside void, the 0 next to it one further, the first 0 another.
    assert results["trimap"]["confusion_matrices"][:3] == [
        [[0, 0], [0, 1]], [[0, 1], [0, 1]], [[1, 1], [0, 1]],
    ]  # fmt: skip
    assert results["boundary_pixels"] == {"labelled": [2, 1], "predicted": [1, 2], "both": [1, 1]}


def test_without_counts_is_what_there_was_before():
    metrics = Metrics(SPEC, "void", boundary=True)
    metrics.update(*labels_and_predictions()[0])
    both = {"images": 1, **metrics.results(counts=True), "crf": metrics.results(counts=True)}
    plain = {"images": 1, **metrics.results(), "crf": metrics.results()}
    assert without_counts(both) == plain == without_counts(plain)
