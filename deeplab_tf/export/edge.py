"""What LiteRT and ONNX share: the function, the pictures, the comparison with the predictor."""

from __future__ import annotations

import contextlib
import importlib.util
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from absl import logging

from deeplab_tf import compat
from deeplab_tf.data.image import read_image
from deeplab_tf.data.pipeline import evaluation_dataset
from deeplab_tf.data.split import open_split
from deeplab_tf.data.synthetic import SYNTHETIC
from deeplab_tf.evaluation.predict import find_pictures
from deeplab_tf.evaluation.predictor import Predictor

VERIFICATION_PICTURES = 5


class Agreement(NamedTuple):
    """How far a file answers as the predictor does.

    Attributes:
        pictures: how many were labelled.
        equal_labels: share of their pixels with the same label.
        largest_difference: between two scores of the same pixel and class.
    """

    pictures: int
    equal_labels: float
    largest_difference: float

    def __str__(self):
        return (
            f"{100 * self.equal_labels:.3f} % of the labels of {self.pictures} pictures are equal, "
            f"the largest difference of a score is {self.largest_difference:.2g}"
        )


def check_exportable(predictor: Predictor, kind: str, extra: str, packages: Iterable[str]):
    """Stops before any work where a format cannot hold the predictor or packages are missing.

    Args:
        predictor: what shall be exported.
        kind: the format's name.
        extra: the extra of this package that brings what the format needs.
        packages: what has to be importable.

    Raises:
        ValueError: the predictor has tiles or a CRF, or Keras is 2.
        ImportError: a package is missing.
    """
    if not compat.KERAS_3:
        raise ValueError(f"{kind} is exported on the current stack only, with TensorFlow 2.18 on.")
    if predictor.crf is not None:
        raise ValueError(
            f"{kind} cannot hold the CRF: it has no products of sparse matrices. Export without "
            "--crf, or a SavedModel, which can."
        )
    if predictor.tile is not None:
        raise ValueError(f"{kind} has no tiles. Received: tile={predictor.tile}.")
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise ImportError(
                f"{kind} needs the package {package}. "
                f"Install the extra {extra!r}: pip install 'deeplab_tf[{extra}]'."
            )


def labelling_function(predictor: Predictor, shape):
    """Returns the `tf.function` from pictures to labels and scores.

    Args:
        predictor: without CRF and tiles.
        shape: batch, height and width of the pictures, None where they vary.
    """

    def label(images):
        scores = predictor.scores(images)
        return {"labels": tf.cast(tf.argmax(scores, axis=-1), tf.uint8), "scores": scores}

    # Not known to be one, or wide convolutions become halves: `compat.one_image_is_slow`.
    label_any = tf.function(label, [tf.TensorSpec([None, *shape[1:], 3], tf.uint8)])

    def label_shape(images):
        results = label_any(images).items()
        return {name: tf.ensure_shape(x, [shape[0], *x.shape[1:]]) for name, x in results}

    return tf.function(label_shape, [tf.TensorSpec([*shape, 3], tf.uint8, "images")])


def example_pictures(data_dir, split: str, count: int, size=None) -> list[np.ndarray]:
    """Reads pictures of a data set, spread evenly over a split.

    Args:
        data_dir: as for `open_split`.
        split: such as `train`.
        count: how many at most.
        size: height and width to resize them to; None for their own.

    Returns:
        uint8 RGB [H, W, 3] each.

    Raises:
        DataError: there is no such data set or split.
    """
    examples = evaluation_dataset(open_split(data_dir, split), count)
    return [_resized(example["image"].numpy(), size) for example in examples]


def verification_pictures(source: str | None, data_dir, size=None) -> list[np.ndarray]:
    """Reads the pictures that an export is compared on.

    Args:
        source: a picture, a folder of pictures or a pattern; None for examples of a data set.
        data_dir: that data set; None for the embedded one.
        size: height and width to resize them to; None for their own.

    Raises:
        ValueError: there are no pictures, or one cannot be read.
    """
    if source is None:
        return example_pictures(data_dir or SYNTHETIC, "val", VERIFICATION_PICTURES, size)
    paths = find_pictures(str(source))[1]
    if not paths:
        raise ValueError(f"{source}: no pictures to compare answers on.")
    return [_resized(read_image(path), size) for path in paths]


def _resized(image: np.ndarray, size) -> np.ndarray:
    if size is None or image.shape[:2] == tuple(size):
        return image
    return tf.cast(tf.round(tf.image.resize(image, size, antialias=True)), tf.uint8).numpy()


def require_agreement(
    label: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    predictor: Predictor,
    images: list[np.ndarray],
    least_equal_labels: float,
) -> Agreement:
    """Labels pictures with what was exported and with the predictor.

    Args:
        label: takes uint8 RGB [H, W, 3], returns labels [H, W] and scores [H, W, C].
        predictor: what was exported.
        images: uint8 RGB [H, W, 3].
        least_equal_labels: share of equal labels that is enough.

    Raises:
        ValueError: fewer labels are equal.
    """
    equal, differences = [], []
    for image in images:
        labels, scores = label(image)
        wanted = predictor.scores_of(image)
        equal.append(labels == np.argmax(wanted, axis=-1))
        differences.append(np.abs(scores - wanted).max())
    share = float(np.concatenate(equal, axis=None).mean())
    agreement = Agreement(len(images), share, float(np.max(differences)))
    if not share >= least_equal_labels:
        raise ValueError(
            f"Nothing is written: {agreement}. Needed: {100 * least_equal_labels:g} % "
            "(least_equal_labels, --min_agreement)."
        )
    return agreement


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps back what TensorFlow warns of while it converts: gradients, its old interpreter."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"(tensorflow|tf2onnx|onnx)(\..*)?$")
            yield
    finally:
        logging.set_verbosity(verbosity)
