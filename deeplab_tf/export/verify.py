"""Compares a SavedModel with the predictor that it was exported from."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from deeplab_tf.data.image import image_pixels
from deeplab_tf.evaluation.predictor import Predictor
from deeplab_tf.export.parity import Agreement
from deeplab_tf.export.saved_predictor import load_quietly

# Precision -> share of labels that has to equal the float32 predictor's, and the largest
# difference of a probability that is allowed; in bfloat16 single pixels differ by much.
LEAST_EQUAL_LABELS = {"float32": 0.9999, "bfloat16": 0.99}
LARGEST_DIFFERENCE = {"float32": 0.01, "bfloat16": 1.0}


def compare(
    folder: str | os.PathLike, predictor: Predictor, images: Sequence[np.ndarray]
) -> Agreement:
    """Compares the predictions of both signatures of a SavedModel with a predictor's.

    Args:
        folder: the SavedModel.
        predictor: that it was exported from.
        images: uint8 RGB [H, W, 3], at most as large as the SavedModel takes.

    Returns:
        How far they agree, over both signatures.

    Raises:
        ValueError: the SavedModel refuses an image.
    """
    loaded = load_quietly(folder)
    # JPEG and PNG in turn; both sides get what the bytes decode to.
    encoders = (tf.io.encode_jpeg, tf.io.encode_png)
    contents = [encoders[i % 2](image) for i, image in enumerate(images)]
    predictions = loaded.signatures["serving_default"](image_bytes=tf.stack(contents))
    equal, pixels, difference = 0, 0, 0.0
    for content, png, error in zip(contents, *_columns(predictions), strict=True):
        if error.numpy():
            raise ValueError(f"The SavedModel refuses an image: {error.numpy().decode()}.")
        image = image_pixels(content.numpy(), "the image")[None]
        by_tensor = loaded.signatures["predict_tensor"](images=tf.constant(image))
        probabilities = _probabilities(predictor, image)
        wanted = np.argmax(probabilities[0], axis=-1)  # what it labels, without a second graph
        for labels in (tf.io.decode_png(png)[..., 0], by_tensor["labels"][0]):
            equal += int(np.count_nonzero(labels == wanted))
            pixels += wanted.size
        gap = np.abs(by_tensor["probabilities"] - probabilities)
        difference = float(np.maximum(difference, gap.max()))  # not a number stays so
    return Agreement(len(images), equal / pixels, difference)


def _columns(predictions: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
    return predictions["label_png_bytes"], predictions["error"]


def _probabilities(predictor: Predictor, images: np.ndarray) -> tf.Tensor:
    logits = predictor.predict_logits(images[0])[None]
    return tf.nn.softmax(logits) if predictor.crf is None else predictor.refine(logits, images)
