"""`png`: ids as an indexed PNG."""

from __future__ import annotations

from deeplab_tf.data.own_files import PREDICTION
from deeplab_tf.data.png import encode_label
from deeplab_tf.evaluation.prediction_formats.labelled_image import LabelledImage


def encode_label_png(image: LabelledImage) -> bytes:
    """Encodes the ids as a PNG with the data set's palette."""
    return encode_label(image.labels, image.palette, PREDICTION)
