"""Small annotated folders in the forms that annotation tools write."""

import base64
import io
import json

import numpy as np
from PIL import Image

from tests.data.fakes import smooth_image

# Height and width of every image that is made here.
SIZE = (20, 30)


def save_photo(path, seed=0, size=SIZE):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(smooth_image(*size, seed=seed)).save(path)


def save_json(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))


def png_base64(pixels):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


def box(left, top, right, bottom):
    """The corners of a box whose pixels are [top:bottom, left:right]."""
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def labelme_shape(label, points, kind="polygon", **more):
    return {
        "label": label,
        "points": points,
        "shape_type": kind,
        "group_id": None,
        "flags": {},
        **more,
    }


def save_labelme(path, shapes, image="", **more):
    values = {
        "version": "5.4.1", "flags": {}, "shapes": shapes, "imagePath": image, "imageData": None,
        "imageHeight": SIZE[0], "imageWidth": SIZE[1],
    }  # fmt: skip
    save_json(path, values | more)


def ids_of(*boxes, size=SIZE):
    """Ids of boxes (id, left, top, right, bottom) painted in this order on 0."""
    ids = np.zeros(size, np.uint8)
    for label, left, top, right, bottom in boxes:
        ids[top:bottom, left:right] = label
    return ids


def labels_of(source):
    """Split -> name -> ids, of all examples of a source."""
    return {
        split: {item.name: source.label_ids(item) for item in items if item.label}
        for split, items in source.splits.items()
    }
