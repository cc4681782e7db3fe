"""From image to labels with this library, one step at a time."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from deeplab_tf.crf import CrfParameters
from deeplab_tf.data.files import write_atomically
from deeplab_tf.data.image import read_upright
from deeplab_tf.data.png import encode_label
from deeplab_tf.layers.dense_crf import DenseCRF


class LibraryRoute:
    """What the predictor and the tools do, one step at a time.

    Args:
        model: a DeepLab with one scale.
        logits: float32 [H, W, C] that the CRF gets instead of the random network's.
        crf: parameters of the CRF.
        palette: 768 bytes of the label file.
    """

    def __init__(self, model, logits, crf: CrfParameters, palette: bytes):
        self._logits = tf.constant(logits[None])
        self._palette = palette
        refine = DenseCRF(**crf.to_dict())
        images = tf.TensorSpec([1, None, None, 3], tf.uint8)
        maps = tf.TensorSpec([1, None, None, logits.shape[2]])
        side = tf.TensorSpec([], tf.int32)
        self._logits_of = tf.function(lambda x: model.logit_maps(x)[0], input_signature=[images])
        self._zoom = tf.function(model.zoom, input_signature=[maps, side, side])
        self._refine = tf.function(lambda *pair: refine(pair), input_signature=[maps, images])
        self._label = tf.function(
            lambda x: tf.cast(tf.argmax(x, axis=-1), tf.uint8), input_signature=[maps]
        )

    def read(self, path) -> np.ndarray:
        """Returns uint8 RGB [H, W, 3]."""
        return read_upright(path)

    def logits(self, image):
        """Returns logits [1, h, w, C] on the feature grid."""
        return self._logits_of(image[None])

    def zoom(self, logits, image):
        """Returns logits [1, H, W, C]."""
        return self._zoom(logits, *image.shape[:2])

    def refine(self, image):
        """Returns the CRF's probabilities [1, H, W, C]."""
        return self._refine(self._logits, image[None])

    def label(self, probabilities) -> np.ndarray:
        """Returns uint8 [H, W]."""
        return self._label(probabilities)[0].numpy()

    def write(self, labels, path):
        """Writes an indexed PNG."""
        write_atomically(path, encode_label(labels, self._palette))


class SceneCRF(DenseCRF):
    """The CRF on given logits; those of the network count too little to change a label.

    Args:
        scene: float32 [H, W, C].
        **parameters: of the CRF.
    """

    def __init__(self, scene, **parameters):
        super().__init__(**parameters, name="crf")
        self._scene = tf.constant(scene[None])

    def call(self, inputs, valid=None):
        """Refines the given logits; see `DenseCRF`."""
        logits, images = inputs
        return super().call((self._scene + tf.clip_by_value(logits, -1e-6, 1e-6), images), valid)
