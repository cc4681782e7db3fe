"""An image with its labels, as every format of predictions gets it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from deeplab_tf.data.spec import DatasetSpec, palette_bytes


@dataclasses.dataclass(frozen=True)
class LabelledImage:
    """An image with its labels.

    Attributes:
        source: the image's file.
        name: the file's path below the folder of all images.
        folder: in which the image's own outputs are written.
        labels: uint8 [H, W]; `spec.ignore_label` where the class is not to be written.
        spec: names and colours of the classes.
        image: uint8 RGB [H, W, 3]; None where no format needs it.
        confidence: float32 [H, W], the probability of each label; 0 where the class is not to be
            written. None where no format needs it.
        probabilities: float32 [H, W, C] of all classes; None where no format needs them.
    """

    source: Path
    name: str
    folder: Path
    labels: np.ndarray
    spec: DatasetSpec
    image: np.ndarray | None = None
    confidence: np.ndarray | None = None
    probabilities: np.ndarray | None = None

    @property
    def palette(self) -> bytes:
        """The colours of all ids, 768 bytes."""
        return palette_bytes(self.spec)
