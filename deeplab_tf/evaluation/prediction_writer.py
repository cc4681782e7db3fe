"""Writes the labels of an image as an indexed PNG, and over the image if wanted."""

from __future__ import annotations

import errno
import io

import numpy as np
from PIL import Image

from deeplab_tf.data.files import write_atomically
from deeplab_tf.data.overlay import overlay_labels
from deeplab_tf.data.own_files import PREDICTION, png_mark
from deeplab_tf.data.png import encode_label
from deeplab_tf.evaluation.prediction_jobs import Job

# After these no other image can be written either.
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def write_prediction(
    job: Job, labels: np.ndarray, palette: bytes, image: np.ndarray | None = None
) -> str | None:
    """Writes the label PNG of a job and, if wanted, its overlay.

    Args:
        job: the files.
        labels: uint8 [H, W].
        palette: 768 bytes, see `palette_bytes`.
        image: uint8 RGB [H, W, 3] for an overlay, None for no overlay.

    Returns:
        What is wrong if a file cannot be written, else None.

    Raises:
        OSError: the disk is full, so that nothing else can be written either.
    """
    try:
        write_atomically(job.target, encode_label(labels, palette, PREDICTION))
        if image is not None:
            write_atomically(job.overlay, encode_overlay(image, labels, palette))
    except OSError as error:
        if error.errno in _DISK_ERRORS:
            raise
        return f"{error.filename}: {error.strerror}"
    return None


def encode_overlay(
    image: np.ndarray, labels: np.ndarray, palette: bytes, opacity: float = 0.5
) -> bytes:
    """Encodes an image with its labels painted over it as an RGB PNG; see `overlay_labels`."""
    buffer = io.BytesIO()
    overlaid = Image.fromarray(overlay_labels(image, labels, palette, opacity))
    overlaid.save(buffer, format="PNG", pnginfo=png_mark(PREDICTION))
    return buffer.getvalue()
