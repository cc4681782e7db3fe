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
    FileFormat,
    FolderFormat,
)
from deeplab_tf.evaluation.prediction_formats.pixels_png import (
    encode_color_png,
    encode_confidence_png,
    encode_overlay_png,
)

_is_own_png = is_png_of(PREDICTION)
# Name in `--format` -> what writes it.
PREDICTION_FORMATS: dict[str, FileFormat | FolderFormat] = {
    "png": FileFormat("STEM.png, ids with a palette", ".png", _is_own_png, encode_label_png),
    "color": FileFormat(
        "STEM_color.png, the classes' colours", "_color.png", _is_own_png, encode_color_png
    ),
    "overlay": FileFormat(
        "STEM_overlay.png, colours over the image", "_overlay.png", _is_own_png, encode_overlay_png
    ),
    "confidence": FileFormat(
        "STEM_confidence.png, the probability of each label in 8 bits",
        "_confidence.png", _is_own_png, encode_confidence_png, "confidence",
    ),
    "npz": FileFormat(
        "STEM.npz, labels and probabilities", ".npz", is_own_npz, encode_npz, "probabilities"
    ),
    "coco": FolderFormat(
        "coco.json, masks of all regions of all images", "coco.json", is_own_json, CocoFile,
        coco_names, packages=("pycocotools", "skimage"),
    ),
    "labelme": FileFormat(
        "STEM.json, polygons", ".json", is_own_json, encode_labelme, packages=("skimage",)
    ),
}  # fmt: skip


def needed_of(names: Iterable[str]) -> str:
    """Returns what formats need of the predictor, one of `NEEDS`."""
    return max((PREDICTION_FORMATS[name].needs for name in names), key=NEEDS.index)


__all__ = [
    "PREDICTION_FORMATS",
    "FileFormat",
    "FolderFormat",
    "LabelledImage",
    "needed_of",
]
