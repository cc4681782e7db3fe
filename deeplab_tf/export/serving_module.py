"""The graph of a SavedModel: its two signatures."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from deeplab_tf.evaluation.predictor import Predictor
from deeplab_tf.export.constant_weights import with_constants
from deeplab_tf.export.safe_decode import decode_or_reason
from deeplab_tf.models.inference import NOT_FINITE


class ServingModule(tf.Module):
    """Labels encoded images and image tensors with a predictor: `docs/serving.md`.

    Args:
        predictor: a Predictor without tiles.
        variables: that its model reads.
        max_pixels: largest encoded image that is decoded, height times width.
        constant: whether the weights of the network become constants of the graph, in the format
            that the network computes in; those of the CRF stay variables.
    """

    def __init__(
        self,
        predictor: Predictor,
        variables: list[tf.Variable],
        max_pixels: int,
        constant: bool = False,
    ):
        super().__init__()
        # The graph needs the variables only, not the Keras objects around them.
        self._predictor = _Untracked(predictor)
        self._variables = variables
        self._max_pixels = max_pixels
        self._network: Callable = predictor.logits_and_finite
        if constant:
            images = tf.TensorSpec([None, None, None, 3], tf.uint8, "images")
            self._network = with_constants(predictor.logits_and_finite, [images])

    @tf.function(
        input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, "images")], autograph=False
    )
    def predict_tensor(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Labels images of one size, however large.

        Args:
            images: uint8 RGB [B, H, W, 3].

        Returns:
            `labels`, uint8 [B, H, W], and `probabilities`, float32 [B, H, W, C].
        """
        logits, finite = self._logits_and_finite(images)
        # No output could report it: the request fails, as one of the wrong type does.
        with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(finite), [NOT_FINITE])]):
            logits = tf.identity(logits)
        probabilities = tf.nn.softmax(logits) if self._predictor.value.crf is None else logits
        return {"labels": labels_of(logits), "probabilities": probabilities}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "image_bytes")], autograph=False)
    def label_bytes(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        """Labels encoded images, each of its own size.

        Args:
            image_bytes: string [B], a JPEG or PNG each.

        Returns:
            `label_png_bytes`, string [B], and `error`, string [B], empty for a good image.
        """
        # One after the other: memory does not grow with the batch.
        pngs, errors = tf.map_fn(
            self._label_one,
            image_bytes,
            fn_output_signature=(tf.string, tf.string),
            parallel_iterations=1,
        )
        return {"label_png_bytes": pngs, "error": errors}

    def _label_one(self, contents: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image, reason = decode_or_reason(contents, self._max_pixels)

        def label() -> tuple[tf.Tensor, tf.Tensor]:
            logits, finite = self._logits_and_finite(image[None])
            png = tf.io.encode_png(labels_of(logits)[0][..., None])
            return tf.where(finite[0], png, ""), tf.where(finite[0], "", NOT_FINITE)

        return tf.cond(tf.size(image) > 0, label, lambda: (tf.constant(""), reason))

    def _logits_and_finite(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns logits, or probabilities where there is a CRF, and whether logits are finite."""
        predictor = self._predictor.value
        logits, finite = self._network(images)
        return logits if predictor.crf is None else predictor.refine(logits, images), finite


def labels_of(logits: tf.Tensor) -> tf.Tensor:
    """Returns the most likely label of every pixel, uint8 [B, H, W]."""
    return tf.cast(tf.argmax(logits, axis=-1), tf.uint8)


class _Untracked:
    """Hides an object from TensorFlow's search for things to save."""

    def __init__(self, value: Predictor):
        self.value = value
