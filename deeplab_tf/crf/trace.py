"""Traces how the mean field changes from step to step."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from deeplab_tf.crf.learnable import fixed_weights
from deeplab_tf.crf.mean_field import local_update
from deeplab_tf.crf.parameters import CrfParameters
from deeplab_tf.crf.refine import build_mean_field


class Trace(NamedTuple):
    """Objective and changed labels of one image's mean field over T steps.

    Attributes:
        objective: float64 [T + 1], the free energy of the marginals before the first and after
            every step, up to a constant of the image: what mean field makes small. With
            `normalization="symmetric"` its minima are the iteration's fixed points; the other
            normalisations send unlike messages back and forth, so that it need not fall.
        changed_labels: int64 [T], number of pixels whose most likely label has changed.
    """

    objective: np.ndarray
    changed_labels: np.ndarray


def traced_mean_field(
    logits: np.ndarray, image: np.ndarray, parameters: CrfParameters
) -> tuple[np.ndarray, Trace]:
    """Refines one image step by step, with all labels and in exact mode.

    Args:
        logits: float32 [H, W, C], minus the unary energy.
        image: [H, W, 3] RGB 0..255.
        parameters: of the CRF.

    Returns:
        float32 [H, W, C], probabilities of the labels, and the trace.

    Source: Krähenbühl and Koltun 2011, equation 4; the sum over pairs takes each pair once and a
    pixel's pair with itself half.
    """
    unary = tf.constant(logits, tf.float32)
    weights = fixed_weights(parameters, unary.shape[2])
    problem = build_mean_field(unary, tf.cast(image, tf.float32), parameters, weights)

    @tf.function(autograph=False)
    def step(marginals: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        messages = problem.messages(marginals)
        return local_update(problem.unary, messages)[0], messages

    marginals, objective, changed = problem.unary.marginals, [], []
    flat = unary.numpy().reshape(marginals.shape)
    for i in range(parameters.iterations + 1):
        following, messages = step(marginals)
        objective.append(_free_energy(marginals.numpy(), flat, messages.numpy()))
        if i < parameters.iterations:
            labels, new_labels = (x.numpy().argmax(axis=1) for x in (marginals, following))
            changed.append(np.count_nonzero(labels != new_labels))
            marginals = following
    trace = Trace(np.array(objective), np.array(changed, np.int64))
    return marginals.numpy().reshape(unary.shape), trace


def _free_energy(marginals: np.ndarray, logits: np.ndarray, messages: np.ndarray) -> float:
    """Returns unary plus pair energy less entropy; messages are the pairs' energy, negated."""
    marginals = marginals.astype(np.float64)
    logarithm = np.log(np.maximum(marginals, 1e-37))
    energies = np.where(marginals > 0, -logits, 0)  # an excluded label costs nothing, not 0 * inf
    return float((marginals * (logarithm + energies - 0.5 * messages)).sum())
