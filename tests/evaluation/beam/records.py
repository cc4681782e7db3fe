"""Labelled images and records without a network."""

from pathlib import Path

import numpy as np

from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.evaluation.beam.label_record import label_record
from deeplab_tf.evaluation.prediction_jobs import Job

SPEC = DatasetSpec("pets", ("background", "cat", "dog"))


def labelled(labels, spec=SPEC, confidence=None):
    """An image with its labels."""
    labels = np.array(labels, np.uint8)
    confidence = np.ones(labels.shape) if confidence is None else np.array(confidence)
    job = Job(Path("a.jpg"), Path("out/a.png"))
    return job.labelled(labels, spec, confidence=confidence.astype(np.float32))


def random_records(count):
    """Records of images of several sizes."""
    rng = np.random.default_rng(0)
    for number in range(count):
        shape = (5 + number % 3, 7)
        image = labelled(rng.integers(0, 3, shape), confidence=rng.random(shape))
        yield label_record(f"deep/ü {number}.jpg", image)


def assert_same(found, wanted):
    """Compares records field by field."""
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        for field in one._fields:
            np.testing.assert_allclose(
                getattr(one, field), getattr(other, field), rtol=1e-6
            ) if field == "mean_confidence" else np.testing.assert_array_equal(
                getattr(one, field), getattr(other, field)
            )
        assert one.run_labels.dtype == np.uint8 and one.run_lengths.dtype == np.int32
