"""Evaluates candidates of the parameter search on a set of images."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol

import numpy as np
import tensorflow as tf

from deeplab_tf.crf.kernels import pixel_features
from deeplab_tf.crf.lattice.build_lattice import build_lattice
from deeplab_tf.crf.learnable import fixed_weights
from deeplab_tf.crf.parameters import CrfParameters
from deeplab_tf.crf.refine import refine_image
from deeplab_tf.tuning.search import Candidate


class Example(NamedTuple):
    """An image to evaluate candidates on.

    Attributes:
        logits: float32 [H, W, C].
        image: uint8 [H, W, 3], RGB.
        label: integers [H, W].
    """

    logits: np.ndarray
    image: np.ndarray
    label: np.ndarray


class Metric(Protocol):
    """Accumulates over images, such as a ConfusionMatrix."""

    def update(self, label: np.ndarray, prediction: np.ndarray) -> object:
        """Adds one image.

        Args:
            label: integers [H, W].
            prediction: integers [H, W].
        """

    def mean_iou(self) -> float:
        """Returns the result for all images."""


class CandidateEvaluator:
    """Evaluates candidates with the fast mode of the CRF.

    Images are refined side by side: two at a time, each on one core, take less time than one
    after the other on both, if TensorFlow's operations keep to one thread. On an image,
    candidates that differ in w1 alone share the lattice. The graph is traced once for all.

    Args:
        examples: the images; an item is read when it is needed, by several threads.
        num_classes: C.
        parameters: everything but the candidates' values, implementation and mode.
        new_metric: makes an empty metric.
        workers: images refined at a time, best one for each core; each takes the memory of a CRF.
        progress: called with the number of CRF runs finished since the last call.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        num_classes: int,
        parameters: CrfParameters,
        new_metric: Callable[[], Metric],
        workers: int,
        progress: Callable[[int], object] = lambda runs: None,
    ):
        self._examples, self._new_metric, self._progress = examples, new_metric, progress
        self._workers = workers
        # The candidates' own values stand for those given here.
        parameters = dataclasses.replace(
            parameters, implementation="graph", mode="fast",
            bilateral_weight=1.0, bilateral_sigma_xy=1.0, bilateral_sigma_rgb=1.0,
        )  # fmt: skip
        self._label_maps = _label_maps_function(parameters, num_classes)

    def __call__(
        self, candidates: Iterable[Candidate]
    ) -> Iterator[tuple[list[Candidate], list[float]]]:
        """Yields candidates of the same sigmas with their mIoU."""
        groups: dict[tuple[float, float], list[Candidate]] = {}
        for candidate in candidates:
            groups.setdefault(candidate[1:], []).append(candidate)
        with ThreadPoolExecutor(self._workers) as threads:
            for group in groups.values():
                metrics = [self._new_metric() for _ in group]
                refine = functools.partial(self._refine, group)
                for label, predictions in threads.map(refine, range(len(self._examples))):
                    for metric, prediction in zip(metrics, predictions, strict=True):
                        metric.update(label, prediction)
                    self._progress(len(group))
                yield group, [metric.mean_iou() for metric in metrics]

    def label_maps(
        self, logits: np.ndarray, image: np.ndarray, candidates: Sequence[Candidate]
    ) -> np.ndarray:
        """Labels an image with candidates of the same sigmas.

        Args:
            logits: float32 [H, W, C].
            image: uint8 [H, W, 3], RGB.
            candidates: n of them, which may differ in w1.

        Returns:
            uint8 [n, H, W].
        """
        weights = np.array([c.bilateral_weight for c in candidates], np.float32)
        sigmas = np.array(candidates[0][1:], np.float32)
        return self._label_maps(logits, image, weights, *sigmas).numpy()

    def _refine(self, group: list[Candidate], index: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns an image's label and its label maps by candidates of the same sigmas."""
        logits, image, label = self._examples[index]
        return label, self.label_maps(logits, image, group)


@functools.lru_cache(maxsize=4)
def _label_maps_function(
    parameters: CrfParameters, num_classes: int
) -> tf.types.experimental.GenericFunction:
    """Returns the graph of `CandidateEvaluator.label_maps`, one for all evaluators alike."""

    def label_maps(
        logits: tf.Tensor,
        image: tf.Tensor,
        weights: tf.Tensor,
        sigma_xy: tf.Tensor,
        sigma_rgb: tf.Tensor,
    ) -> tf.Tensor:
        image = tf.cast(image, tf.float32)
        if parameters.from_probabilities:
            logits = tf.math.log(tf.maximum(tf.nn.softmax(logits), parameters.clip))
        (x, y, *color), *others = pixel_features(image, parameters)
        appearance = [x / sigma_xy, y / sigma_xy, *(channel / sigma_rgb for channel in color)]
        lattices = [build_lattice(features) for features in (appearance, *others)]
        fixed = fixed_weights(parameters, num_classes)

        def labels_of(weight: tf.Tensor) -> tf.Tensor:
            refined = refine_image(
                logits, image, parameters, fixed._replace(bilateral=weight), lattices
            )
            return tf.cast(tf.argmax(refined, axis=-1), tf.uint8)

        signature = tf.TensorSpec([None, None], tf.uint8)
        return tf.map_fn(labels_of, weights, fn_output_signature=signature, parallel_iterations=1)

    signature = [
        tf.TensorSpec([None, None, num_classes], tf.float32),
        tf.TensorSpec([None, None, 3], tf.uint8),
        tf.TensorSpec([None], tf.float32),
        tf.TensorSpec([], tf.float32),
        tf.TensorSpec([], tf.float32),
    ]
    return tf.function(label_maps, signature, autograph=False)
