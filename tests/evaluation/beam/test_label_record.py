from pathlib import Path

import numpy as np
import pytest

from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.evaluation.beam.label_record import label_record
from deeplab_tf.evaluation.prediction_jobs import Job
from tests.evaluation.beam.records import labelled

SPEC = DatasetSpec("pets", ("background", "cat", "dog"))


def test_a_record_holds_the_labels_and_what_they_sum_up_to():
    image = labelled([[0, 0, 1], [1, 1, 1]], SPEC, [[0.5, 1, 0.25], [1, 1, 0.75]])
    record = label_record("deep/a.jpg", image)
    assert (record.name, record.height, record.width) == ("deep/a.jpg", 2, 3)
    np.testing.assert_array_equal(record.labels, image.labels)
    assert record.class_shares.tolist() == pytest.approx([2 / 6, 4 / 6, 0])
    assert record.class_shares.dtype == np.float32
    assert record.mean_confidence == 0.75


def test_names_that_are_not_utf8_are_stored_as_text():
    record = label_record("\udce9.jpg", labelled([[0]], SPEC, [[1]]))
    assert record.name == "\\xe9.jpg"


def test_the_confidence_is_needed():
    image = Job(Path("a"), Path("b")).labelled(np.zeros([2, 2], np.uint8), SPEC)
    with pytest.raises(AssertionError):
        label_record("a", image)
