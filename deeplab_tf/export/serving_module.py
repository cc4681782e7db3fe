"""The graph of a SavedModel: the two signatures around a predictor."""

from __future__ import annotations

import tensorflow as tf

from deeplab_tf.evaluation.predictor import Predictor
from deeplab_tf.export.safe_decode import decode_or_reason


class ServingModule(tf.Module):
    """The two signatures around a predictor.

    Args:
        predictor: a Predictor without tiles.
        variables: what its model reads.
        max_pixels: largest encoded picture that is decoded, height times width.
    """

    def __init__(self, predictor: Predictor, variables: list[tf.Variable], max_pixels: int):
        super().__init__()
        # The graph needs the variables only, not the Keras objects around them.
        self._predictor = _Untracked(predictor)
        self._variables = variables
        self._max_pixels = max_pixels

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, "images")])
    def predict_tensor(self, images):
        """Labels pictures of one size, however large: uint8 RGB [B, H, W, 3]."""
        scores = self._scores(images)
        probabilities = tf.nn.softmax(scores) if self._predictor.value.crf is None else scores
        return {"labels": labels_of(scores), "probabilities": probabilities}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "image_bytes")])
    def label_bytes(self, image_bytes):
        """Labels encoded pictures [B], each of its own size."""
        # One after the other: memory does not grow with the batch.
        pngs, errors = tf.map_fn(
            self._label_one,
            image_bytes,
            fn_output_signature=(tf.string, tf.string),
            parallel_iterations=1,
        )
        return {"label_png_bytes": pngs, "error": errors}

    def _label_one(self, contents):
        image, reason = decode_or_reason(contents, self._max_pixels)

        def label():
            labels = labels_of(self._scores(image[None]))[0]
            return tf.io.encode_png(labels[..., None])

        return tf.cond(tf.size(image) > 0, label, lambda: tf.constant("")), reason

    def _scores(self, images):
        """Returns logits, or probabilities where there is a CRF."""
        predictor = self._predictor.value
        scores = predictor.scores(images)
        return scores if predictor.crf is None else predictor.refine(scores, images)


def labels_of(scores):
    """Returns the most likely label of every pixel, uint8 [B, H, W]."""
    return tf.cast(tf.argmax(scores, axis=-1), tf.uint8)


class _Untracked:
    """Hides an object from TensorFlow's search for things to save."""

    def __init__(self, value):
        self.value = value
