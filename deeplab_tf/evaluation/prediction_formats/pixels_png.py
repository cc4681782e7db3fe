"""`color`, `overlay`, `confidence`: PNGs to look at."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from deeplab_tf.data.overlay import overlay_labels
from deeplab_tf.data.own_files import PREDICTION, png_mark
from deeplab_tf.evaluation.prediction_formats.labelled_image import LabelledImage


def encode_color_png(image: LabelledImage) -> bytes:
    """Encodes the labels as an RGB PNG of their colours."""
    return encode_pixels(color_pixels(image))


def encode_overlay_png(image: LabelledImage) -> bytes:
    """Encodes the image with its labels painted over it as an RGB PNG."""
    return encode_pixels(overlay_pixels(image))


def encode_confidence_png(image: LabelledImage) -> bytes:
    """Encodes the probability of each label as a grey PNG of 8 bits: 0 is 0, 255 is 1."""
    assert image.confidence is not None
    return encode_pixels(np.round(255 * image.confidence).astype(np.uint8))


def color_pixels(image: LabelledImage) -> np.ndarray:
    """Returns the colours of the labels, uint8 [H, W, 3]."""
    return np.frombuffer(image.palette, np.uint8).reshape(256, 3)[image.labels]


def overlay_pixels(image: LabelledImage, opacity: float = 0.5) -> np.ndarray:
    """Returns the image under the colours of its labels, uint8 [H, W, 3].

    Args:
        image: where its label is the ignore label, the image alone is seen.
        opacity: 0 shows the image only, 1 the colours only.
    """
    assert image.image is not None
    void = image.spec.ignore_label
    return overlay_labels(image.image, image.labels, image.palette, opacity, unpainted=void)


def encode_pixels(pixels: np.ndarray) -> bytes:
    """Encodes uint8 pixels, RGB [H, W, 3] or grey [H, W], as a PNG that is marked as ours."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG", pnginfo=png_mark(PREDICTION))
    return buffer.getvalue()
