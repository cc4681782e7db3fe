"""Labels images and keeps their logits, so that new CRF parameters cost only the CRF."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from deeplab_tf.data.png import encode_label
from deeplab_tf.data.spec import palette_bytes
from deeplab_tf.evaluation.predictor import Predictor
from deeplab_tf.evaluation.refinement import refine_logits
from deeplab_tf.layers.dense_crf import DenseCRF


class LabelledImage(NamedTuple):
    """An image with the network's logits.

    Attributes:
        stem: the image's file name without ending.
        image: uint8 RGB [H, W, 3].
        logits: float32 [H, W, C].
        seconds: that the network took.
    """

    stem: str
    image: np.ndarray
    logits: np.ndarray
    seconds: float

    @property
    def labels(self) -> np.ndarray:
        """The labels before the CRF, uint8 [H, W]."""
        return self.logits.argmax(axis=-1).astype(np.uint8)


class Refined(NamedTuple):
    """The labels of an image after the CRF.

    Attributes:
        labels: uint8 [H, W].
        seconds: that the CRF took.
    """

    labels: np.ndarray
    seconds: float


class Labeller:
    """Labels images in two steps, the network and the CRF; the labels are those of `Predictor`.

    Args:
        predictor: computes the logits. Visitors start from the parameters of its CRF.

    Raises:
        ValueError: the predictor has no CRF.

    Attributes:
        spec: DatasetSpec of the model.
        parameters: CRF parameters to start from, by name.

    Example:
        >>> model = deeplab_tf.DeepLab(num_classes=3, width=0.05)
        >>> labeller = Labeller(deeplab_tf.Predictor(model, crf={"iterations": 2}))
        >>> labelled = labeller.label("black", np.zeros([20, 30, 3], np.uint8))
        >>> labeller.refine(labelled, {"iterations": 5}).labels.shape
        (20, 30)
    """

    def __init__(self, predictor: Predictor):
        if predictor.crf is None:
            raise ValueError("The page needs a predictor with a CRF.")
        self._predictor = predictor
        self.spec = predictor.model.spec
        self.parameters = predictor.crf.parameters.to_dict()
        self._palette = palette_bytes(self.spec)

    def label(self, stem: str, image: np.ndarray) -> LabelledImage:
        """Runs the network.

        Args:
            stem: the image's file name without ending.
            image: uint8 RGB [H, W, 3].

        Returns:
            The image with its logits.

        Raises:
            FloatingPointError: the network's logits are not finite.
        """
        start = time.perf_counter()
        logits = self._predictor.predict_logits(image)
        return LabelledImage(stem, image, logits, time.perf_counter() - start)

    def refine(self, labelled: LabelledImage, changes: Mapping[str, float]) -> Refined:
        """Runs the CRF.

        Args:
            labelled: from `label`.
            changes: parameters that differ from `parameters`.

        Returns:
            The labels after the CRF.

        Raises:
            ValueError: a parameter is unknown or wrong.
        """
        start = time.perf_counter()
        crf = DenseCRF(**{**self.parameters, **changes})
        crf.compiled = False
        probabilities = refine_logits(crf, labelled.logits[None], labelled.image[None])[0]
        labels = probabilities.numpy().argmax(axis=-1).astype(np.uint8)
        return Refined(labels, time.perf_counter() - start)

    def encode(self, labels: np.ndarray) -> bytes:
        """Encodes labels, uint8 [H, W], as the PNG that `tools/predict.py` writes."""
        return encode_label(labels, self._palette)
