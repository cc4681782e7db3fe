"""What a shard of labels holds of an image."""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np

from deeplab_tf.evaluation.prediction_formats import LabelledImage
from deeplab_tf.evaluation.prediction_formats.label_runs import (
    decode_label_runs,
    encode_label_runs,
)


class LabelRecord(NamedTuple):
    """The labels of an image and what they sum up to.

    Attributes:
        name: of the image: below the folder of all images, or its id.
        height: in pixels, upright.
        width: in pixels.
        run_labels: uint8 [N], see `LabelRuns`.
        run_lengths: int32 [N].
        class_shares: float32 [C], the share of the pixels that each class has; they sum up to 1.
        mean_confidence: mean, over the pixels, of the probability of their label.
    """

    name: str
    height: int
    width: int
    run_labels: np.ndarray
    run_lengths: np.ndarray
    class_shares: np.ndarray
    mean_confidence: float

    @property
    def labels(self) -> np.ndarray:
        """The labels, uint8 [H, W]; a ValueError says that the record is broken."""
        return decode_label_runs(self.run_labels, self.run_lengths, self.height, self.width)


def label_record(name: str, image: LabelledImage) -> LabelRecord:
    """Makes the record of a labelled image.

    Args:
        name: of the image.
        image: with its confidence.
    """
    assert image.confidence is not None
    height, width = image.labels.shape
    runs = encode_label_runs(image.labels)
    pixels = np.bincount(image.labels.ravel(), minlength=image.spec.num_classes)
    return LabelRecord(
        # Names on the disk need not be UTF-8, those in records have to be.
        os.fsencode(name).decode("utf-8", "backslashreplace"),
        height,
        width,
        runs.labels,
        runs.lengths,
        (pixels[: image.spec.num_classes] / image.labels.size).astype(np.float32),
        float(image.confidence.mean(dtype=np.float64)),
    )
