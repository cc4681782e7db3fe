"""`coco`: regions of all images as masks, in one JSON file of COCO's instances."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from deeplab_tf.data.files import write_atomically
from deeplab_tf.data.json_file import read_json
from deeplab_tf.data.own_files import PREDICTION
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.evaluation.prediction_formats.labelled_image import LabelledImage
from deeplab_tf.evaluation.prediction_formats.marked_json import encode_marked_json
from deeplab_tf.evaluation.prediction_formats.regions import LabelRegion, label_regions

# Seconds between two savings: what a run that is killed loses at most.
_SAVE_EVERY = 60.0
# A run over a hundred thousand images has less.
_LARGEST_BYTES = 8 * 2**30


class CocoFile:
    """COCO's instances of images that are labelled one after the other.

    `categories` are all classes, with the ids of the labels; `annotations` one for every connected
    region, with its mask as compressed RLE, which keeps holes and every pixel.

    Args:
        path: the file.
        spec: the classes.
        keep: whether images that the file holds stay in it.

    Raises:
        ValueError: the images that it holds have other classes.
    """

    def __init__(self, path: Path, spec: DatasetSpec, keep: bool = False):
        self._path = path
        self._saved = time.monotonic()
        categories = [{"id": i, "name": name} for i, name in enumerate(spec.class_names)]
        self._values: dict[str, Any] = _read(path) if keep else {}
        if self._values.get("categories", categories) != categories:
            raise ValueError(
                f"{path}: its images have other classes than {', '.join(spec.class_names)}. "
                "Give another --output, or leave out --resume."
            )
        self._images: list[dict] = self._values.get("images", [])
        self._annotations: list[dict] = self._values.get("annotations", [])
        self._values = {
            "info": {"description": PREDICTION},
            "licenses": [],
            "images": self._images,
            "annotations": self._annotations,
            "categories": categories,
        }

    def add(self, image: LabelledImage) -> None:
        """Adds an image; saves the file where it has not been for a while."""
        height, width = image.labels.shape
        entry = {"id": len(self._images) + 1, "file_name": image.name,
                 "height": height, "width": width}  # fmt: skip
        self._images.append(entry)
        canvas = np.zeros([height, width], np.uint8, order="F")
        for region in label_regions(image):
            self._annotations.append(self._annotation(entry["id"], region, canvas))
        if time.monotonic() - self._saved > _SAVE_EVERY:
            self.save()

    def save(self) -> None:
        """Writes the file as a whole."""
        write_atomically(self._path, encode_marked_json(self._values))
        self._saved = time.monotonic()

    def _annotation(self, image_id: int, region: LabelRegion, canvas: np.ndarray) -> dict:
        """Describes a region.

        Args:
            image_id: of its image.
            region: the region.
            canvas: zeros of the image's size in Fortran's order, as they are on return.
        """
        from pycocotools.mask import encode

        height, width = region.mask.shape
        place = canvas[region.top : region.top + height, region.left : region.left + width]
        place[:] = region.mask
        counts = encode(canvas)["counts"].decode("ascii")
        place[:] = 0
        return {
            "id": len(self._annotations) + 1,
            "image_id": image_id,
            "category_id": region.label,
            "segmentation": {"size": list(canvas.shape), "counts": counts},
            "area": region.area,
            "bbox": [region.left, region.top, width, height],
            "iscrowd": 0,
        }


def coco_names(path: Path) -> set[str]:
    """Returns the names of the images that a file holds, none where there is no file of ours."""
    return {image["file_name"] for image in _read(path).get("images", [])}


def _read(path: Path) -> dict[str, Any]:
    """Reads a file of ours, as `is_own_json` has found it to be; empty where there is none."""
    return read_json(path, _LARGEST_BYTES) if path.exists() else {}
