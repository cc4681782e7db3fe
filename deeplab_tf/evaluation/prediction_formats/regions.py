"""Connected regions of labels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from deeplab_tf.evaluation.prediction_formats.labelled_image import LabelledImage


class LabelRegion(NamedTuple):
    """Pixels of one label, each with a neighbour above, below, left or right among the others.

    Attributes:
        label: id of the class.
        top: first row.
        left: first column.
        mask: bool [h, w], the pixels of the smallest box around them.
        area: number of pixels.
    """

    label: int
    top: int
    left: int
    mask: np.ndarray
    area: int


def label_regions(image: LabelledImage) -> Iterator[LabelRegion]:
    """Yields the connected regions of all labels but the ignore label, the largest first."""
    from scipy.ndimage import find_objects
    from skimage.measure import label as connected

    ignored = image.spec.ignore_label
    # 0 is the background there; ids move up by one.
    ids = np.where(image.labels == ignored, 0, image.labels.astype(np.int32) + 1)
    numbers = connected(ids, background=0, connectivity=1)
    areas = np.bincount(numbers.ravel())
    boxes = find_objects(numbers)
    for number in sorted(range(1, len(areas)), key=lambda n: -areas[n]):
        box = boxes[number - 1]
        mask = numbers[box] == number
        top, left = box[0].start, box[1].start
        row, column = np.unravel_index(mask.argmax(), mask.shape)
        yield LabelRegion(
            int(image.labels[top + row, left + column]), top, left, mask, int(areas[number])
        )
