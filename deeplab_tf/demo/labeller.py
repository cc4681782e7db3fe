"""Labels of an image whose logits are kept, so that new CRF parameters cost only the CRF."""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np

from deeplab_tf.data.png import encode_label
from deeplab_tf.data.spec import palette_bytes
from deeplab_tf.evaluation.predictor import Predictor
from deeplab_tf.layers.dense_crf import DenseCRF


class LabelledImage(NamedTuple):
    """An image and what the network makes of it.

    Attributes:
        stem: the image's file name without ending.
        image: uint8 RGB [H, W, 3].
        logits: float32 [H, W, C].
        seconds: the network took.
    """

    stem: str
    image: np.ndarray
    logits: np.ndarray
    seconds: float

    @property
    def labels(self) -> np.ndarray:
        """uint8 [H, W], labels before the CRF."""
        return self.logits.argmax(axis=-1).astype(np.uint8)


class Refined(NamedTuple):
    """An image's answer of the CRF.

    Attributes:
        labels: uint8 [H, W].
        seconds: the CRF took.
    """

    labels: np.ndarray
    seconds: float


class Labeller:
    """Labels images in two steps; both together give what `Predictor` gives.

    Args:
        predictor: logits images. Its own CRF is where visitors start from.

    Attributes:
        spec: DatasetSpec of the model.
        parameters: CRF parameters to start from, by name.

    Example:
        >>> model = deeplab_tf.DeepLab(num_classes=3, width=0.05)
        >>> labeller = Labeller(deeplab_tf.Predictor(model, crf={"iterations": 2}))
        >>> labelled = labeller.score("black", np.zeros([20, 30, 3], np.uint8))
        >>> labeller.refine(labelled, {"iterations": 5}).labels.shape
        (20, 30)
    """

    def __init__(self, predictor: Predictor):
        self._predictor = predictor
        self.spec = predictor.model.spec
        self.parameters = predictor.crf.parameters.to_dict()
        self._palette = palette_bytes(self.spec)

    def score(self, stem: str, image: np.ndarray) -> LabelledImage:
        """Runs the network.

        Args:
            stem: the image's file name without ending.
            image: uint8 RGB [H, W, 3].

        Raises:
            FloatingPointError: the network's logits are not finite.
        """
        start = time.perf_counter()
        logits = self._predictor.predict_logits(image)
        return LabelledImage(stem, image, logits, time.perf_counter() - start)

    def refine(self, labelled: LabelledImage, changes: dict) -> Refined:
        """Runs the CRF.

        Args:
            labelled: from `score`.
            changes: parameters that differ from `parameters`.

        Raises:
            ValueError: a parameter is unknown or wrong.
        """
        start = time.perf_counter()
        crf = DenseCRF(**{**self.parameters, **changes})
        crf.compiled = False
        predictor = Predictor(self._predictor.model, crf)
        probabilities = predictor.refine(labelled.logits[None], labelled.image[None])[0].numpy()
        labels = probabilities.argmax(axis=-1).astype(np.uint8)
        return Refined(labels, time.perf_counter() - start)

    def encode(self, labels: np.ndarray) -> bytes:
        """Encodes labels as `tools/predict.py` writes them."""
        return encode_label(labels, self._palette)
