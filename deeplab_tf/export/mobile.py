"""What the LiteRT and ONNX exports share: limits, the function, the parity check."""

from __future__ import annotations

import contextlib
import importlib.util
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import tensorflow as tf
from absl import logging

from deeplab_tf import compat
from deeplab_tf.evaluation.predictor import Predictor
from deeplab_tf.export.parity import Agreement
from deeplab_tf.layers.atrous_conv import AtrousConv2D
from deeplab_tf.layers.split_conv import without_splitting
from deeplab_tf.models.deeplab import DeepLab


def check_exportable(predictor: Predictor, kind: str, extra: str, packages: Iterable[str]) -> None:
    """Checks, before any work, that a format can hold the predictor and its packages are installed.

    Args:
        predictor: to export.
        kind: the format's name.
        extra: of this package, that installs what the format needs.
        packages: that have to be importable.

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


def labelling_function(
    predictor: Predictor, shape: Sequence[int | None]
) -> tf.types.experimental.PolymorphicFunction:
    """Builds the `tf.function` from images to labels and logits that is exported.

    Args:
        predictor: without CRF and tiles.
        shape: batch, height and width of the images, None where they vary.

    Returns:
        A function of `images`, uint8 RGB [B, H, W, 3], that returns a dict of `labels`,
        uint8 [B, H, W], and `logits`, float32 [B, H, W, C], which are `scores` too.
    """

    def label(images: tf.Tensor) -> dict[str, tf.Tensor]:
        with _one_operation_each(predictor.model):
            logits = predictor.logits(images)
        labels = tf.cast(tf.argmax(logits, axis=-1), tf.uint8)
        # `scores` is the name of version 0.1, which programs ask for; it goes in version 0.3.
        return {"labels": labels, "logits": logits, "scores": tf.identity(logits)}

    return tf.function(label, [tf.TensorSpec([*shape, 3], tf.uint8, "images")], autograph=False)


@contextlib.contextmanager
def _one_operation_each(model: DeepLab) -> Iterator[None]:
    """Has a model compute every convolution by one operation.

    tf2onnx spoils interlaced ones, and halves of an image help TensorFlow only.
    """
    layers = [layer for layer in compat.all_layers(model) if isinstance(layer, AtrousConv2D)]
    methods = [layer.method for layer in layers]
    try:
        for layer in layers:
            layer.method = "native"
        with without_splitting():
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
    """Compares the labels of an exported file with the predictor's.

    Args:
        label: runs the file; takes uint8 RGB [H, W, 3], returns labels [H, W] and logits
            [H, W, C].
        predictor: that was exported.
        images: uint8 RGB [H, W, 3].
        least_equal_labels: share of equal labels that is needed.

    Returns:
        How far they agree.

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
    agreement = Agreement(len(images), share, float(np.max(differences)), "logit")
    if not agreement.reaches(least_equal_labels):
        raise ValueError(
            f"Nothing is written: {agreement}. Needed: {100 * least_equal_labels:g} % "
            "(least_equal_labels, --min_agreement)."
        )
    return agreement


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silences what converters warn of: missing gradients, their old interpreter."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"(tensorflow|tf2onnx|onnx)(\..*)?$")
            yield
    finally:
        logging.set_verbosity(verbosity)
