"""What LiteRT and ONNX share: their limits, the function, the comparison with the predictor."""

from __future__ import annotations

import contextlib
import importlib.util
import warnings
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import tensorflow as tf
from absl import logging

from deeplab_tf import compat
from deeplab_tf.evaluation.predictor import Predictor
from deeplab_tf.export.parity import Agreement
from deeplab_tf.layers.atrous_conv import AtrousConv2D


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
    """Returns the `tf.function` from images to labels and logits.

    Args:
        predictor: without CRF and tiles.
        shape: batch, height and width of the images, None where they vary.
    """

    def label(images):
        with _one_operation_each(predictor.model):
            logits = predictor.logits(images)
        return {"labels": tf.cast(tf.argmax(logits, axis=-1), tf.uint8), "logits": logits}

    # Not known to be one, or wide convolutions become halves: `compat.one_image_is_slow`.
    label_any = tf.function(label, [tf.TensorSpec([None, *shape[1:], 3], tf.uint8)])

    def label_shape(images):
        results = label_any(images).items()
        return {name: tf.ensure_shape(x, [shape[0], *x.shape[1:]]) for name, x in results}

    return tf.function(label_shape, [tf.TensorSpec([*shape, 3], tf.uint8, "images")])


@contextlib.contextmanager
def _one_operation_each(model) -> Iterator[None]:
    """Has a model compute each atrous convolution at once: tf2onnx spoils interlaced ones."""
    layers = [layer for layer in compat.all_layers(model) if isinstance(layer, AtrousConv2D)]
    methods = [layer.method for layer in layers]
    try:
        for layer in layers:
            layer.method = "native"
        yield
    finally:
        for layer, method in zip(layers, methods, strict=True):
            layer.method = method


def require_agreement(
    label: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    predictor: Predictor,
    images: list[np.ndarray],
    least_equal_labels: float,
) -> Agreement:
    """Labels images with what was exported and with the predictor.

    Args:
        label: takes uint8 RGB [H, W, 3], returns labels [H, W] and logits [H, W, C].
        predictor: what was exported.
        images: uint8 RGB [H, W, 3].
        least_equal_labels: share of equal labels that is enough.

    Raises:
        ValueError: fewer labels are equal.
    """
    equal, differences = [], []
    for image in images:
        labels, logits = label(image)
        wanted = predictor.predict_logits(image)
        equal.append(labels == np.argmax(wanted, axis=-1))
        differences.append(np.abs(logits - wanted).max())
    share = float(np.concatenate(equal, axis=None).mean())
    agreement = Agreement(len(images), share, float(np.max(differences)), "score")
    if not agreement.reaches(least_equal_labels):
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
