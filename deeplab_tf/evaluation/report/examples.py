"""Small images of what a model made of an image: label, answers, errors."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from deeplab_tf.data.own_files import REPORT, png_mark
from deeplab_tf.data.png import encode_label
from deeplab_tf.data.spec import DatasetSpec, palette_bytes
from deeplab_tf.evaluation.evaluate import EvaluatedImage

SIDE = 480  # pixels of the longer side at most
_JPEG_QUALITY, _GAP = 85, 6
# Error maps are ids too: the image in this many greys, then the kinds of pixels.
_GREYS, _DARKEST = 24, 120
VOID, WRONG, MENDED, SPOILED = range(_GREYS, _GREYS + 4)
ERROR_COLORS = {
    VOID: ("void, not counted", (38, 38, 46)),
    WRONG: ("wrong", (213, 62, 20)),
    MENDED: ("mended by the CRF", (0, 158, 115)),
    SPOILED: ("spoiled by the CRF", (146, 64, 200)),
}


class EncodedImage(NamedTuple):
    """An encoded image.

    Attributes:
        caption: what it shows.
        kind: its media type.
        data: the bytes of the file.
    """

    caption: str
    kind: str
    data: bytes


class Example(NamedTuple):
    """One image of the split with what the model made of it.

    Attributes:
        name: of the image.
        scores: text, such as its pixel accuracy.
        images: image, label, answers and errors.
    """

    name: str
    scores: str
    images: list[EncodedImage]


def draw_example(evaluated: EvaluatedImage, scores: str, spec: DatasetSpec) -> Example:
    """Draws an image of an evaluation, its label, the answers and their errors.

    Args:
        evaluated: what was evaluated.
        scores: of the image, as text.
        spec: gives the palette.

    Returns:
        The example; no side of its images is longer than `SIDE`.
    """
    height, width = evaluated.label.shape
    shrink = min(1.0, SIDE / max(height, width))
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    small = Image.fromarray(evaluated.image).resize(size, Image.Resampling.LANCZOS)
    label, *predictions = (
        np.asarray(Image.fromarray(ids).resize(size, Image.Resampling.NEAREST))
        for ids in (evaluated.label, *evaluated.predictions)
    )
    jpeg = io.BytesIO()
    small.save(jpeg, "JPEG", quality=_JPEG_QUALITY)
    captions = stage_names(len(predictions))
    errors = error_map(np.asarray(small), label, predictions, spec.ignore_label)
    maps = [("label", label), *zip(captions, predictions, strict=True)]
    palette = palette_bytes(spec)
    images = [
        EncodedImage("image", "image/jpeg", jpeg.getvalue()),
        *(EncodedImage(caption, "image/png", encode_label(ids, palette)) for caption, ids in maps),
        EncodedImage("errors", "image/png", encode_label(errors, _error_palette())),
    ]
    return Example(evaluated.name, scores, images)


def stage_names(count: int) -> list[str]:
    """What the one or two answers of a predictor are called."""
    return ["answer"] if count == 1 else ["before CRF", "after CRF"]


def error_kinds(stages: int) -> list[int]:
    """Which of `ERROR_COLORS` an error map of one or two answers can have."""
    return [VOID, WRONG] if stages == 1 else list(ERROR_COLORS)


def error_map(image: np.ndarray, label: np.ndarray, predictions: Sequence, void: int) -> np.ndarray:
    """Marks what the last answer has wrong, and what it changed of the first.

    Args:
        image: uint8 RGB [H, W, 3].
        label: uint8 [H, W].
        predictions: uint8 [H, W] each.
        void: the ignore label.

    Returns:
        uint8 [H, W]: a key of `ERROR_COLORS`, or the image's grey where the answer is right.

    Example:
        >>> image, label = np.zeros([1, 4, 3], np.uint8), np.array([[1, 1, 1, 255]])
        >>> answers = np.array([[[0, 1, 0, 0]], [[1, 0, 0, 0]]])
        >>> marked = error_map(image, label, answers, 255)
        >>> [ERROR_COLORS[kind][0] for kind in marked[0].tolist()]
        ['mended by the CRF', 'spoiled by the CRF', 'wrong', 'void, not counted']
    """
    first_wrong, last_wrong = (predictions[at] != label for at in (0, -1))
    marked = (image.mean(-1) * (_GREYS / 256)).astype(np.uint8)
    marked[last_wrong] = WRONG
    marked[first_wrong & ~last_wrong] = MENDED
    marked[~first_wrong & last_wrong] = SPOILED
    marked[label == void] = VOID
    return marked


def _error_palette() -> bytes:
    greys = np.linspace(_DARKEST, 255, _GREYS).round().astype(np.uint8)
    marks = bytes(value for _, color in ERROR_COLORS.values() for value in color)
    return (greys.repeat(3).tobytes() + marks).ljust(768, b"\0")


def encode_strip(example: Example) -> bytes:
    """Encodes the images of an example side by side as one PNG."""
    parts = [Image.open(io.BytesIO(part.data)).convert("RGB") for part in example.images]
    step, height = parts[0].width + _GAP, parts[0].height
    strip = Image.new("RGB", (step * len(parts) - _GAP, height), "white")
    for index, part in enumerate(parts):
        strip.paste(part, (index * step, 0))
    stream = io.BytesIO()
    strip.save(stream, "PNG", pnginfo=png_mark(REPORT))
    return stream.getvalue()
