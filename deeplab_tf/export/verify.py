"""Runs a SavedModel against the predictor that it was made from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from deeplab_tf.data.image import image_pixels, read_image
from deeplab_tf.data.synthetic import draw_scene
from deeplab_tf.evaluation.predict import find_pictures
from deeplab_tf.evaluation.predictor import Predictor

LEAST_EQUAL_LABELS = 0.9999
LARGEST_DIFFERENCE = 0.01
_SCENES = 5  # of five sizes


class Agreement(NamedTuple):
    """How far two ways of labelling agree.

    Attributes:
        pictures: how many were labelled.
        equal_labels: share of their pixels with the same label.
        largest_difference: between two probabilities of the same pixel and class.
    """

    pictures: int
    equal_labels: float
    largest_difference: float

    @property
    def is_good(self) -> bool:
        """Whether they count as the same."""
        return (
            self.equal_labels >= LEAST_EQUAL_LABELS
            and self.largest_difference <= LARGEST_DIFFERENCE
        )

    def __str__(self):
        return (
            f"{100 * self.equal_labels:.4f} % of the labels of {self.pictures} pictures are equal, "
            f"the largest difference of a probability is {self.largest_difference:.1e}"
        )


def verification_pictures(source: str | None, max_pixels: int) -> list[np.ndarray]:
    """Reads the pictures that an export is verified on, cut to the largest size it takes.

    Args:
        source: a picture, a folder of pictures or a pattern; None for embedded ones.
        max_pixels: largest height times width.

    Raises:
        ValueError: there are no pictures, or one cannot be read.
    """
    if source is None:
        images = [draw_scene("val", index)[0] for index in range(_SCENES)]
    else:
        images = [read_image(path) for path in find_pictures(str(source))[1]]
        if not images:
            raise ValueError(f"{source}: no pictures to verify the SavedModel on.")
    return [cut_to(image, max_pixels) for image in images]


def cut_to(image: np.ndarray, max_pixels: int) -> np.ndarray:
    """Cuts a picture that has more pixels to a square of so many, or less."""
    if image.shape[0] * image.shape[1] <= max_pixels:
        return image
    side = math.isqrt(max_pixels)
    return image[:side, :side]


def compare(folder, predictor: Predictor, images: Sequence[np.ndarray]) -> Agreement:
    """Labels pictures with both signatures of a SavedModel and with a predictor.

    Args:
        folder: the SavedModel.
        predictor: what it was exported from.
        images: uint8 RGB [H, W, 3], at most as large as the SavedModel takes.

    Raises:
        ValueError: the SavedModel refuses a picture.
    """
    loaded = tf.saved_model.load(str(folder))
    # JPEG and PNG in turn; both sides get what the bytes decode to.
    encoders = (tf.io.encode_jpeg, tf.io.encode_png)
    contents = [encoders[i % 2](image) for i, image in enumerate(images)]
    answers = loaded.signatures["serving_default"](image_bytes=tf.stack(contents))
    equal, pixels, difference = 0, 0, 0.0
    for content, png, error in zip(contents, *_columns(answers), strict=True):
        if error.numpy():
            raise ValueError(f"The SavedModel refuses a picture: {error.numpy().decode()}.")
        image = image_pixels(content.numpy(), "the picture")[None]
        by_tensor = loaded.signatures["predict_tensor"](images=tf.constant(image))
        wanted = predictor(image[0])
        for labels in (tf.io.decode_png(png)[..., 0], by_tensor["labels"][0]):
            equal += np.count_nonzero(labels == wanted)
            pixels += wanted.size
        gap = np.abs(by_tensor["probabilities"] - _probabilities(predictor, image))
        difference = float(np.maximum(difference, gap.max()))  # not a number stays so
    return Agreement(len(images), equal / pixels, difference)


def _columns(answers: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
    return answers["label_png_bytes"], answers["error"]


def _probabilities(predictor: Predictor, images: np.ndarray) -> tf.Tensor:
    scores = predictor.scores_of(images[0])[None]
    return tf.nn.softmax(scores) if predictor.crf is None else predictor.refine(scores, images)
