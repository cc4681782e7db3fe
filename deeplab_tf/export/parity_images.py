"""Images that exports are compared on."""

from __future__ import annotations

import math
import os

import numpy as np
import tensorflow as tf

from deeplab_tf.data.image import read_image
from deeplab_tf.data.pipeline import evaluation_dataset
from deeplab_tf.data.spec import SYNTHETIC
from deeplab_tf.data.split import open_split
from deeplab_tf.evaluation.prediction_jobs import find_images

VERIFICATION_IMAGES = 5


def example_images(
    data_dir: str | os.PathLike, split: str, count: int, size: tuple[int, int] | None = None
) -> list[np.ndarray]:
    """Reads images of a data set, spread evenly over a split.

    Args:
        data_dir: as for `open_split`.
        split: such as `train`.
        count: largest number of images.
        size: height and width to resize them to; None for their own.

    Returns:
        uint8 RGB [H, W, 3] each.

    Raises:
        DataError: there is no such data set or split.
    """
    examples = evaluation_dataset(open_split(data_dir, split), count)
    return [_resized(example["image"].numpy(), size) for example in examples]


def verification_images(
    source: str | os.PathLike | None = None,
    data_dir: str | os.PathLike | None = None,
    size: tuple[int, int] | None = None,
) -> list[np.ndarray]:
    """Reads the images that an export is compared with its predictor on.

    Args:
        source: an image, a folder of images or a pattern; None for examples of a data set.
        data_dir: that data set; None for the embedded one.
        size: height and width to resize them to; None for their own.

    Returns:
        uint8 RGB [H, W, 3] each.

    Raises:
        ValueError: there are no images, or one cannot be read.
    """
    if source is None:
        return example_images(data_dir or SYNTHETIC, "val", VERIFICATION_IMAGES, size)
    paths = find_images(source)[1].images
    if not paths:
        raise ValueError(f"{source}: no images to compare labels on.")
    return [_resized(read_image(path), size) for path in paths]


def _resized(image: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    if size is None or image.shape[:2] == tuple(size):
        return image
    return tf.cast(tf.round(tf.image.resize(image, size, antialias=True)), tf.uint8).numpy()


def cut_to(image: np.ndarray, max_pixels: int) -> np.ndarray:
    """Cuts an image [H, W, 3] of more than `max_pixels` to a square of at most so many."""
    if image.shape[0] * image.shape[1] <= max_pixels:
        return image
    side = math.isqrt(max_pixels)
    return image[:side, :side]
