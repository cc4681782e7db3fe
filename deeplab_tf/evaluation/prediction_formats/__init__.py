"""The formats in which predictions are written, one row each."""

from __future__ import annotations

from collections.abc import Iterable

from deeplab_tf.data.own_files import PREDICTION, is_png_of
from deeplab_tf.evaluation.prediction_formats.arrays_npz import encode_npz, is_own_npz
from deeplab_tf.evaluation.prediction_formats.coco_json import CocoFile, coco_names
from deeplab_tf.evaluation.prediction_formats.label_png import encode_label_png
from deeplab_tf.evaluation.prediction_formats.labelled_image import LabelledImage
from deeplab_tf.evaluation.prediction_formats.labelme_json import encode_labelme
from deeplab_tf.evaluation.prediction_formats.marked_json import is_own_json
from deeplab_tf.evaluation.prediction_formats.output_format import (
    NEEDS,
    FolderFormat,
    ImageFormat,
    require_packages,
)
from deeplab_tf.evaluation.prediction_formats.picture_png import (
    encode_color_png,
    encode_confidence_png,
    encode_overlay_png,
)

_is_own_png = is_png_of(PREDICTION)
# Name in `--format` -> what writes it.
PREDICTION_FORMATS: dict[str, ImageFormat | FolderFormat] = {
    "png": ImageFormat("STEM.png, ids with a palette", ".png", encode_label_png, _is_own_png),
    "color": ImageFormat(
        "STEM_color.png, the classes' colours", "_color.png", encode_color_png, _is_own_png
    ),
    "overlay": ImageFormat(
        "STEM_overlay.png, colours over the image", "_overlay.png", encode_overlay_png, _is_own_png
    ),
    "confidence": ImageFormat(
        "STEM_confidence.png, the probability of each label in 8 bits",
        "_confidence.png", encode_confidence_png, _is_own_png, "confidence",
    ),
    "npz": ImageFormat(
        "STEM.npz, labels and probabilities", ".npz", encode_npz, is_own_npz, "probabilities"
    ),
    "coco": FolderFormat(
        "coco.json, masks of all regions of all images", "coco.json", CocoFile, coco_names,
        is_own_json, packages=("pycocotools", "skimage"),
    ),
    "labelme": ImageFormat(
        "STEM.json, polygons", ".json", encode_labelme, is_own_json, packages=("skimage",)
    ),
}  # fmt: skip


def check_formats(names: Iterable[str]) -> tuple[str, ...]:
    """Returns names of formats, each once, after checking that they can be written.

    Raises:
        ValueError: there is no such format, or none at all.
        ImportError: a package is missing; the message names the extra.
    """
    chosen = tuple(dict.fromkeys(names))
    unknown = [name for name in chosen if name not in PREDICTION_FORMATS]
    if unknown or not chosen:
        raise ValueError(
            f"--format takes some of {', '.join(PREDICTION_FORMATS)}. "
            f"Received: {', '.join(unknown) or 'nothing'}"
        )
    for name in chosen:
        require_packages(name, PREDICTION_FORMATS[name].packages)
    return chosen


def needed_of(names: Iterable[str]) -> str:
    """Returns what formats need of the predictor, one of `NEEDS`."""
    return max((PREDICTION_FORMATS[name].needs for name in names), key=NEEDS.index)


__all__ = [
    "PREDICTION_FORMATS",
    "FolderFormat",
    "ImageFormat",
    "LabelledImage",
    "check_formats",
    "needed_of",
]
