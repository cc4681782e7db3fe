"""The one way from a photo to a label map."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from deeplab_tf.layers.dense_crf import DenseCRF

_LATER = "comes with a later release"


class Predictor:
    """Labels photos with a model and, if wanted, the CRF.

    Args:
        model: a DeepLab.
        crf: a DenseCRF layer, a dict of its parameters, or None for no CRF.
        scales: sizes at which a photo is scored; only (1.0,) so far.
        flip: whether the mirrored photo is scored too; only False so far.
        fusion: how scales are fused.
        tile: side of the tiles for large photos; only None so far.

    Raises:
        ValueError: an argument that is not supported.

    Example:
        >>> import deeplab_tf
        >>> model = deeplab_tf.DeepLab(num_classes=3, width=0.05)
        >>> Predictor(model)(np.zeros([20, 30, 3], np.uint8)).shape
        (20, 30)
    """

    def __init__(self, model, crf=None, scales=(1.0,), flip=False, fusion="mean", tile=None):
        given = {"scales": (tuple(scales), (1.0,)), "flip": (flip, False), "tile": (tile, None)}
        for name, (value, supported) in given.items():
            if value != supported:
                raise ValueError(f"Predictor({name}=...) {_LATER}. Received: {name}={value!r}")
        if fusion not in ("mean", "max"):
            raise ValueError(f"fusion must be 'mean' or 'max'. Received: fusion={fusion!r}")
        self.model = model
        self.crf = DenseCRF(**crf) if isinstance(crf, dict) else crf
        images = tf.TensorSpec([None, None, None, 3], tf.uint8)
        self._labels = tf.function(self._label_batch, input_signature=[images])

    def __call__(self, image) -> np.ndarray:
        """Labels one photo.

        Args:
            image: uint8 RGB [H, W, 3], any size.

        Returns:
            uint8 [H, W] label ids, after the CRF if there is one.

        Raises:
            ValueError: the image is of another type or shape.
        """
        return self.before_and_after(image)[-1]

    def before_and_after(self, image) -> list[np.ndarray]:
        """Labels one photo without the CRF and, if there is one, with it.

        Args:
            image: uint8 RGB [H, W, 3], any size.

        Returns:
            One or two uint8 arrays [H, W].
        """
        image = np.asarray(image)
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[-1] != 3:
            raise ValueError(
                "image must be uint8 RGB [height, width, 3]. "
                f"Received: {image.dtype} of shape {image.shape}"
            )
        return [labels[0].numpy() for labels in self._labels(image[None])]

    def _label_batch(self, images):
        logits = self.model(images, training=False)
        scores = [logits] if self.crf is None else [logits, self.crf((logits, images))]
        return [tf.cast(tf.argmax(score, axis=-1), tf.uint8) for score in scores]
