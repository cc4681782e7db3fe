"""`labelme`: regions as polygons, in a JSON file for every image that labelme opens."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from deeplab_tf.evaluation.prediction_formats.labelled_image import LabelledImage
from deeplab_tf.evaluation.prediction_formats.marked_json import encode_marked_json
from deeplab_tf.evaluation.prediction_formats.outlines import outline_polygon
from deeplab_tf.evaluation.prediction_formats.regions import LabelRegion, label_regions

# Whose files these are like; labelme only warns of a newer one than itself.
_VERSION = "5.5.0"


def encode_labelme(image: LabelledImage) -> bytes:
    """Encodes labels as labelme does: a polygon for every connected region, the largest first.

    The file names the image by its path from there, so that labelme finds it where it lies.
    """
    height, width = image.labels.shape
    return encode_marked_json(
        {
            "version": _VERSION,
            "flags": {},
            "shapes": [_shape(region, image) for region in label_regions(image)],
            "imagePath": _path_from(image.folder, image.source),
            "imageData": None,
            "imageHeight": height,
            "imageWidth": width,
        }
    )


def _shape(region: LabelRegion, image: LabelledImage) -> dict:
    return {
        "label": image.spec.class_names[region.label],
        "points": np.round(outline_polygon(region), 2).tolist(),
        "group_id": None,
        "description": "",
        "shape_type": "polygon",
        "flags": {},
    }


def _path_from(folder: Path, file: Path) -> str:
    return Path(os.path.relpath(file.absolute(), folder.resolve())).as_posix()
