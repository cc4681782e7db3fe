"""What candidates of the parameter search score on a set of images."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol

import numpy as np
import tensorflow as tf

from deeplab_tf.crf.inference import MeanField, fixed_weights
from deeplab_tf.crf.kernels import pixel_features
from deeplab_tf.crf.parameters import CrfParameters
from deeplab_tf.crf.permutohedral import build_lattice
from deeplab_tf.crf.search import Candidate


class Example(NamedTuple):
    """An image to score candidates on.

    Attributes:
        scores: float32 [H, W, C], logits.
        image: uint8 [H, W, 3], RGB.
        label: integers [H, W].
    """

    scores: np.ndarray
    image: np.ndarray
    label: np.ndarray


class Measure(Protocol):
    """Collects images and tells a score, such as a ConfusionMatrix."""

    def update(self, label: np.ndarray, prediction: np.ndarray):
        """Counts one image, both [H, W]."""

    def mean_iou(self) -> float:
        """Returns the score of all images."""


class CandidateScorer:
    """Scores candidates with the fast mode of the CRF.

    Images are refined side by side: two at a time, each on one core, take less time than one
    after the other on both, if TensorFlow's operations keep to one thread. On an image,
    candidates that differ in w1 alone share the lattice. The graph is traced once for all.

    Args:
        examples: the images; an item is read when it is needed, by several threads.
        num_classes: C.
        parameters: everything but the candidates' values, implementation and mode.
        new_measure: makes what tells the score.
        workers: images refined at a time, best one a core; each takes the memory of a CRF.
        progress: is told how many CRF runs have been finished since it was last told.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        num_classes: int,
        parameters: CrfParameters,
        new_measure: Callable[[], Measure],
        workers: int,
        progress: Callable[[int], object] = lambda runs: None,
    ):
        self._examples, self._new_measure, self._progress = examples, new_measure, progress
        self._workers = workers
        # The candidates' own values stand for those given here.
        self._parameters = dataclasses.replace(
            parameters, implementation="graph", mode="fast",
            bilateral_weight=1.0, bilateral_sigma_xy=1.0, bilateral_sigma_rgb=1.0,
        )  # fmt: skip
        self._num_classes = num_classes
        self._label_maps = tf.function(
            self._label_maps_of,
            [
                tf.TensorSpec([None, None, num_classes], tf.float32),
                tf.TensorSpec([None, None, 3], tf.uint8),
                tf.TensorSpec([None], tf.float32),
                tf.TensorSpec([], tf.float32),
                tf.TensorSpec([], tf.float32),
            ],
        )

    def __call__(
        self, candidates: Iterable[Candidate]
    ) -> Iterator[tuple[list[Candidate], list[float]]]:
        """Yields candidates of the same sigmas and their scores."""
        groups: dict[tuple[float, float], list[Candidate]] = {}
        for candidate in candidates:
            groups.setdefault(candidate[1:], []).append(candidate)
        with ThreadPoolExecutor(self._workers) as threads:
            for group in groups.values():
                measures = [self._new_measure() for _ in group]
                refine = functools.partial(self._refine, group)
                for label, predictions in threads.map(refine, range(len(self._examples))):
                    for measure, prediction in zip(measures, predictions, strict=True):
                        measure.update(label, prediction)
                    self._progress(len(group))
                yield group, [measure.mean_iou() for measure in measures]

    def _refine(self, group: list[Candidate], index: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns an image's label and what candidates of the same sigmas answer."""
        scores, image, label = self._examples[index]
        return label, self.label_maps(scores, image, group)

    def label_maps(self, scores, image, candidates: Sequence[Candidate]) -> np.ndarray:
        """Labels an image with candidates of the same sigmas: uint8 [n, H, W]."""
        weights = np.array([c.bilateral_weight for c in candidates], np.float32)
        sigmas = np.array(candidates[0][1:], np.float32)
        return self._label_maps(scores, image, weights, *sigmas).numpy()

    def _label_maps_of(self, scores, image, weights, sigma_xy, sigma_rgb):
        parameters = self._parameters
        image = tf.cast(image, tf.float32)
        if parameters.from_probabilities:
            scores = tf.math.log(tf.maximum(tf.nn.softmax(scores), parameters.clip))
        (x, y, *color), *others = pixel_features(image, parameters)
        appearance = [x / sigma_xy, y / sigma_xy, *(channel / sigma_rgb for channel in color)]
        lattices = [build_lattice(features) for features in (appearance, *others)]
        fixed = fixed_weights(parameters, self._num_classes)

        def labels_of(weight):
            weights = fixed._replace(bilateral=weight)
            problem = MeanField(scores, image, parameters, weights, lattices=lattices)
            return tf.cast(tf.argmax(problem.refine(), axis=-1), tf.uint8)

        signature = tf.TensorSpec([None, None], tf.uint8)
        return tf.map_fn(labels_of, weights, fn_output_signature=signature, parallel_iterations=1)
