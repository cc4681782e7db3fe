"""`npz`: labels and probabilities as NumPy arrays."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np

from deeplab_tf.data.own_files import PREDICTION
from deeplab_tf.evaluation.prediction_formats.labelled_image import LabelledImage


def encode_npz(image: LabelledImage) -> bytes:
    """Encodes labels, probabilities and the names of the classes as a compressed NumPy archive.

    `labels` is uint8 [H, W], `probabilities` float16 [H, W, C] (of all classes, whichever are to
    be written), `class_names` text [C]. No pickle is in it.
    """
    assert image.probabilities is not None
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        software=np.array(PREDICTION),
        labels=image.labels,
        probabilities=image.probabilities.astype(np.float16),
        class_names=np.array(image.spec.class_names),
    )
    return buffer.getvalue()


def is_own_npz(file: Path) -> bool:
    """Returns whether a file is such an archive that this library has written."""
    try:
        with open(file, "rb") as opened:
            if not zipfile.is_zipfile(opened):
                return False
            opened.seek(0)
            with np.load(opened) as arrays:
                return str(arrays["software"]) == PREDICTION
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return False
