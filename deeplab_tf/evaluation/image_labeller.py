"""Labels images with all that the formats of predictions need."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.evaluation.class_choice import choose_classes
from deeplab_tf.evaluation.prediction_formats import LabelledImage
from deeplab_tf.evaluation.prediction_jobs import Job
from deeplab_tf.evaluation.predictor import Predictor


class ImageLabeller:
    """Labels images, and leaves out classes that are not to be written.

    Args:
        predictor: what labels.
        spec: the classes.
        needs: row of `NEEDS`.
        classes: names of the classes to write, see `choose_classes`; None for all.

    Raises:
        ValueError: there is no such class.
    """

    def __init__(
        self,
        predictor: Predictor,
        spec: DatasetSpec,
        needs: str = "labels",
        classes: Sequence[str] | None = None,
    ):
        self.spec = spec
        self._predictor, self._needs = predictor, needs
        self._ids = choose_classes(spec, classes)

    def __call__(self, job: Job, image: np.ndarray) -> LabelledImage:
        """Labels an image.

        Args:
            job: of the image.
            image: uint8 RGB [H, W, 3].

        Raises:
            FloatingPointError: the network's logits are not finite.
        """
        confidence = probabilities = None
        if self._needs == "labels":
            labels = self._predictor(image)
        elif self._needs == "confidence":
            labels, confidence = self._predictor.predict_confidence(image)
        else:
            labels, probabilities = self._predictor.predict_probabilities(image)
            confidence = probabilities.max(axis=-1)
        return self._finish(job, image, labels, confidence, probabilities)

    def batch(
        self, pairs: Sequence[tuple[Job, np.ndarray]]
    ) -> list[LabelledImage | FloatingPointError]:
        """Labels images, together where only their labels are needed.

        Args:
            pairs: jobs and their images.

        Returns:
            For each the image, or the error that its logits are not finite.
        """
        if self._needs == "labels":
            try:
                together = self._predictor.batch([image for _, image in pairs])
                triples = zip(pairs, together, strict=True)
                return [self._finish(job, image, labels) for (job, image), labels in triples]
            except FloatingPointError:
                pass  # one by one it is seen whose
        return [self._labelled_or_error(job, image) for job, image in pairs]

    def _labelled_or_error(self, job: Job, image: np.ndarray) -> LabelledImage | FloatingPointError:
        try:
            return self(job, image)
        except FloatingPointError as error:
            return error

    def _finish(
        self,
        job: Job,
        image: np.ndarray,
        labels: np.ndarray,
        confidence: np.ndarray | None = None,
        probabilities: np.ndarray | None = None,
    ) -> LabelledImage:
        """Leaves out the classes that are not to be written."""
        labels = self._ids[labels]
        if confidence is not None:
            confidence = np.where(labels == self.spec.ignore_label, 0, confidence)
        return job.labelled(labels, self.spec, image, confidence, probabilities)
