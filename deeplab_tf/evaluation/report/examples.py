"""Draws an evaluated image for a report: image, label, predictions and error map."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from deeplab_tf.data.own_files import REPORT, png_mark
from deeplab_tf.data.spec import DatasetSpec, palette_bytes
from deeplab_tf.evaluation.evaluate import EvaluatedImage

SIDE = 480  # pixels of the longer side at most
_JPEG_QUALITY, _GAP, _DARKEST, _STEP = 85, 6, 120, 10
# Without a CRF only the first two occur.
ERROR_COLORS = {
    "wrong": (213, 62, 20),
    "void, not counted": (38, 38, 46),
    "corrected by the CRF": (0, 158, 115),
    "made wrong by the CRF": (146, 64, 200),
}


class Example(NamedTuple):
    """An image of the split and what the model made of it.

    Attributes:
        name: of the image.
        metrics: text, such as its pixel accuracy.
        images: uint8 RGB [h, w, 3] by caption, all of one size.
    """

    name: str
    metrics: str
    images: dict[str, np.ndarray]


def stage_names(count: int) -> list[str]:
    """Returns the captions of the one or two predictions of a predictor."""
    return ["prediction"] if count == 1 else ["before CRF", "after CRF"]


def draw_example(evaluated: EvaluatedImage, metrics: str, spec: DatasetSpec) -> Example:
    """Draws an evaluated image, no side of it longer than `SIDE`.

    Args:
        evaluated: the image, with a label.
        metrics: of the image, as text.
        spec: gives palette and ignore label.
    """
    assert evaluated.label is not None  # a Report refuses splits without labels
    height, width = evaluated.label.shape
    shrink = min(1.0, SIDE / max(height, width))
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    image = np.asarray(Image.fromarray(evaluated.image).resize(size, Image.Resampling.LANCZOS))
    label, *predictions = (
        np.asarray(Image.fromarray(ids).resize(size, Image.Resampling.NEAREST))
        for ids in (evaluated.label, *evaluated.predictions)
    )
    colors = np.frombuffer(palette_bytes(spec), np.uint8).reshape(256, 3)
    stages = zip(stage_names(len(predictions)), predictions, strict=True)
    images = {
        "image": image,
        "label": colors[label],
        **{stage: colors[prediction] for stage, prediction in stages},
        "errors": error_map(image, label, predictions, spec.ignore_label),
    }
    return Example(evaluated.name, metrics, images)


def error_map(
    image: np.ndarray, label: np.ndarray, predictions: Sequence[np.ndarray], void: int
) -> np.ndarray:
    """Marks what the last prediction has wrong, and what it changed of the first.

    Args:
        image: uint8 RGB [H, W, 3].
        label: uint8 [H, W].
        predictions: uint8 [H, W] each.
        void: the ignore label.

    Returns:
        uint8 RGB [H, W, 3]: one of `ERROR_COLORS`, or a light grey where the prediction is right.
    """
    first_wrong, last_wrong = (predictions[at] != label for at in (0, -1))
    masks = {
        "wrong": last_wrong,
        "corrected by the CRF": first_wrong & ~last_wrong,
        "made wrong by the CRF": ~first_wrong & last_wrong,
        "void, not counted": label == void,
    }
    # Few greys, for small files.
    grey = image.mean(-1, keepdims=True) // _STEP * _STEP * ((255 - _DARKEST) / 255) + _DARKEST
    marked = grey.astype(np.uint8).repeat(3, axis=-1)
    for kind, mask in masks.items():
        marked[mask] = ERROR_COLORS[kind]
    return marked


def encode_strip(example: Example) -> bytes:
    """Encodes the images of an example side by side as one PNG that carries the report's mark."""
    gap = np.full([len(example.images["image"]), _GAP, 3], 255, np.uint8)
    parts = [part for image in example.images.values() for part in (gap, image)]
    stream = io.BytesIO()
    strip = Image.fromarray(np.concatenate(parts[1:], axis=1))
    strip.save(stream, "PNG", pnginfo=png_mark(REPORT))
    return stream.getvalue()


def data_url(pixels: np.ndarray, lossless: bool) -> str:
    """Encodes an image as a URL that carries it.

    Args:
        pixels: uint8 RGB [H, W, 3].
        lossless: as PNG, which holds 256 colours at most; else as JPEG.
    """
    image, stream = Image.fromarray(pixels), io.BytesIO()
    if lossless:
        image.quantize(256, dither=Image.Dither.NONE).save(stream, "PNG")
    else:
        image.save(stream, "JPEG", quality=_JPEG_QUALITY)
    data = base64.b64encode(stream.getvalue()).decode("ascii")
    return f"data:image/{'png' if lossless else 'jpeg'};base64,{data}"
