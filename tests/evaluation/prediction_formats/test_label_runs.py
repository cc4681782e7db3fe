import numpy as np
import pytest

from deeplab_tf.evaluation.prediction_formats.label_runs import (
    decode_label_runs,
    encode_label_runs,
)
from tests.evaluation.label_maps import labels_and_predictions


def decoded(labels):
    runs = encode_label_runs(labels)
    return decode_label_runs(*runs, *labels.shape)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 1), (13, 17)])
@pytest.mark.parametrize("labels", [1, 2, 256])
def test_decoding_inverts_encoding(shape, labels):
    pixels = np.random.default_rng(0).integers(0, labels, shape).astype(np.uint8)
    result = decoded(pixels)
    np.testing.assert_array_equal(result, pixels)
    assert result.dtype == np.uint8


def test_real_labels_come_back():
    for label, _ in labels_and_predictions():
        np.testing.assert_array_equal(decoded(label.astype(np.uint8)), label)


def test_runs_are_those_that_one_counts():
    labels = np.array([[5, 5, 0], [0, 0, 7], [7, 7, 7]], np.uint8)
    counted = []
    for label in labels.ravel().tolist():
        if counted and counted[-1][0] == label:
            counted[-1][1] += 1
        else:
            counted.append([label, 1])
    runs = encode_label_runs(labels)
    assert [list(run) for run in zip(*runs, strict=True)] == counted
    assert (runs.labels.dtype, runs.lengths.dtype) == (np.uint8, np.int32)


def test_columns_that_are_not_contiguous():
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)[:, ::2]
    np.testing.assert_array_equal(decoded(pixels), pixels)


@pytest.mark.parametrize(
    ("labels", "lengths", "message"),
    [
        ([1, 2], [6], "are no runs"),
        ([[1]], [[6]], "are no runs"),
        ([1, 2], [2, 3], "Runs of 5 pixels are no image of 3 x 2"),
        ([], [], "Runs of 0 pixels are no image"),
        ([1, 2, 3], [3, 0, 3], "another length"),
        ([1, 2, 3], [4, -2, 4], "another length"),
        ([1, 2], [2**62, 6 - 2**62], "another length"),
        ([1, 256], [3, 3], "none of 0 to 255"),
        ([-1, 2], [3, 3], "none of 0 to 255"),
    ],
)
def test_what_are_no_runs_is_refused(labels, lengths, message):
    with pytest.raises(ValueError, match=message):
        decode_label_runs(labels, lengths, height=2, width=3)
