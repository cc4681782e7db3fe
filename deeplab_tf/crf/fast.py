"""Leaves labels and pixels out of the mean field that no longer matter: pruning and freezing.

Pruning labels, in both modes, changes nothing that can be seen: a bound shows which labels stay
negligible. `mode="fast"` also freezes, after one step, pixels and labels that are decided by then.
"""

from __future__ import annotations

import tensorflow as tf

from deeplab_tf.crf.kernels import Filter
from deeplab_tf.crf.learnable import Weights
from deeplab_tf.crf.live_labels import LiveLabels, select_labels
from deeplab_tf.crf.mean_field import (
    MeanField,
    State,
    Unary,
    local_update,
    pass_messages,
    repeat,
    transform_compatibility,
)
from deeplab_tf.crf.parameters import CrfParameters

# mode="fast": pixels this sure after so many steps keep their marginals.
FREEZE_PROBABILITY = 0.99
FREEZE_AFTER = 1
# Labels that no pixel gives so much (nor 1 / C) after those steps get no messages any more.
DROP_PROBABILITY = 0.1
# Messages up to this have an exponential in float32.
_LARGEST_EXPONENT = 60


def prune(
    problem: MeanField, parameters: CrfParameters, weights: Weights
) -> tuple[MeanField, LiveLabels | None]:
    """Leaves out the labels that a bound shows to be negligible.

    Args:
        problem: with all labels.
        parameters: of the CRF.
        weights: of the kernels in `problem`.

    Returns:
        The mean field of the live labels, and these; the same problem and None where the bound
        does not hold.
    """
    is_normalized = parameters.normalization != "none"
    if problem.penalties is not None or not is_normalized or parameters.trainable:
        return problem, None
    largest, is_bounded = weights.bilateral + weights.gaussian, False
    if parameters.normalization == "after":  # the rows of every kernel add up to its weight
        is_bounded = not tf.is_tensor(largest) and largest < _LARGEST_EXPONENT
    else:
        largest = tf.reduce_max(problem.messages(tf.ones_like(problem.unary.marginals[:, :1])))
    live = LiveLabels(problem.unary.marginals, largest)
    unary = Unary(_logits_of(live.marginals), live.marginals, live.pruned_mass, is_bounded)
    return problem._replace(unary=unary), live


def run_fast(
    problem: MeanField, live: LiveLabels | None, iterations: int
) -> tuple[State, LiveLabels | None]:
    """Runs the mean field, after `FREEZE_AFTER` steps only for what is not decided yet.

    Then pixels that are sure of their label keep their marginals, and labels that are likely
    nowhere are pruned as well. Messages are linear: those to the unconverged pixels are computed
    once in full, and later change by the messages of these pixels' changes among each other.

    Args:
        problem: of the live labels.
        live: the labels, or None if none is pruned.
        iterations: number of steps.

    Returns:
        The state as of `MeanField.run`, and the labels that it is about.
    """
    if iterations <= FREEZE_AFTER:
        return problem.run(iterations), live
    state = problem.run(FREEZE_AFTER)
    by_label = tf.transpose(state[0])  # quicker to look through
    is_unconverged = tf.reduce_max(by_label, axis=0) <= FREEZE_PROBABILITY
    pixels = tf.cast(tf.where(is_unconverged)[:, 0], tf.int32)
    unary = _take(problem.unary, pixels)
    if live is not None:
        live, state, unary = _prune_more(live, by_label, pixels, unary)
    begin = tf.gather(state[0], pixels)
    filtered = [tf.zeros_like(begin)]
    kernels: list[Filter] = []
    for kernel in problem.kernels:
        at_pixels, restricted = kernel.restrict(pixels, is_unconverged, state[0])
        filtered += at_pixels
        kernels.append(restricted)
    base = tf.add_n(filtered)

    def step(marginals: tf.Tensor, _: tf.Tensor) -> State:
        changes = pass_messages(kernels, marginals - begin)
        return local_update(unary, transform_compatibility([base, *changes], problem.penalties))

    changed = local_update(unary, transform_compatibility([base], problem.penalties))
    changed = repeat(iterations - FREEZE_AFTER - 1, step, *changed)
    marginals, factor = (
        tf.tensor_scatter_nd_update(part, pixels[:, None], new)
        for part, new in zip(state, changed, strict=True)
    )
    return (marginals, factor), live


def _prune_more(
    live: LiveLabels, by_label: tf.Tensor, pixels: tf.Tensor, unary: Unary
) -> tuple[LiveLabels, State, Unary]:
    """Prunes labels that are likely nowhere: returns the others, the state and the unary term.

    Args:
        live: the labels so far, K.
        by_label: float32 [K, N], Q.
        pixels: int32 [P], the unconverged ones.
        unary: of these.
    """
    # The label that leads a pixel has at least 1 / C and is always kept.
    least = tf.minimum(DROP_PROBABILITY, 1 / tf.cast(live.count, tf.float32))
    is_live = tf.reduce_max(by_label, axis=1) >= least
    live = live.narrow(is_live)
    kept = select_labels(by_label, is_live)
    missing = tf.maximum(1 - tf.reduce_sum(kept, axis=1, keepdims=True), 0)
    factor = tf.math.divide_no_nan(missing, live.pruned_mass)
    marginals = select_labels(tf.transpose(unary.marginals), is_live)
    pruned_mass = tf.gather(live.pruned_mass, pixels)
    unary = Unary(_logits_of(marginals), marginals, pruned_mass, unary.is_bounded)
    return live, (kept, factor), unary


def _take(unary: Unary, pixels: tf.Tensor) -> Unary:
    logits, marginals, pruned_mass = (
        None if part is None else tf.gather(part, pixels) for part in unary[:3]
    )
    return Unary(logits, marginals, pruned_mass, unary.is_bounded)


def _logits_of(marginals: tf.Tensor) -> tf.Tensor:
    """Returns logits of marginals; no message lifts those of columns that only fill up."""
    return tf.math.log(tf.maximum(marginals, 1e-37))
