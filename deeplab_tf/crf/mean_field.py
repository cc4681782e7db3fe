"""Mean field in the fully connected CRF, in TensorFlow, one image at a time."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from deeplab_tf.crf.inputs import defined_values
from deeplab_tf.crf.kernels import build_kernels
from deeplab_tf.crf.live_labels import LiveLabels, keep_labels
from deeplab_tf.crf.parameters import CrfParameters

# mode="fast": pixels this sure after so many steps keep their marginals.
FREEZE_PROBABILITY = 0.99
FREEZE_AFTER = 1
# Labels that no pixel gives so much (nor 1 / C) after those steps get no messages any more.
DROP_PROBABILITY = 0.1


class Weights(NamedTuple):
    """What can be learned.

    Attributes:
        bilateral: w1.
        gaussian: w2.
        penalties: None for Potts, else [C] or [C, C], see `CrfParameters.compatibility`.
    """

    bilateral: float | tf.Tensor
    gaussian: float | tf.Tensor
    penalties: tf.Tensor | None = None


class _Pixels(NamedTuple):
    """What an update needs to know of n pixels.

    Attributes:
        start: [n, K], marginals before any step.
        logits: [n, K], what messages are added to.
        rest: [n, 1], probability of the labels set aside before any step, or None.
    """

    start: tf.Tensor
    logits: tf.Tensor
    rest: tf.Tensor | None

    def take(self, points) -> _Pixels:
        """Keeps some of the pixels."""
        return _Pixels(*(None if x is None else tf.gather(x, points) for x in self))


class MeanField:
    """The iteration on one image.

    Args:
        logits: float32 [H, W, C], minus the unary energy; see `defined_values` for what is not
            finite.
        image: float32 [H, W, 3], RGB 0..255.
        parameters: of the CRF.
        weights: used in place of the parameters' own.
        prune: leave out labels that a bound shows to be negligible.
        lattices: used in place of building the image's, see `build_kernels`.

    Attributes:
        start: float32 [N, K], marginals of the labels that are iterated on, before any step.

    Source: Krähenbühl and Koltun 2011, algorithm 1, with a pixel's message to itself, as in their
    code and DeepLab's.
    """

    def __init__(
        self, logits, image, parameters: CrfParameters, weights: Weights, prune=True, lattices=None
    ):
        self._parameters, self._weights = parameters, weights
        self._shape = tf.shape(logits)
        image = tf.stop_gradient(image)
        self._kernels = build_kernels(image, parameters, weights, logits.shape[2], lattices)
        logits = defined_values(tf.reshape(logits, [-1, self._shape[2]]))
        self._pixels = _Pixels(tf.nn.softmax(logits), logits, None)
        self._live = None
        if prune and self._can_prune():
            self._live = LiveLabels(self._pixels.start, self._largest_message())
            start = self._live.marginals
            self._pixels = _Pixels(start, _scores_of(start), self._live.rest)
        self.start = self._pixels.start

    def _can_prune(self) -> bool:
        """Whether the bound of `LiveLabels` holds."""
        parameters = self._parameters
        is_potts = self._weights.penalties is None
        return is_potts and parameters.normalization != "none" and not parameters.trainable

    def _largest_message(self):
        if self._has_unit_rows():
            return self._weights.bilateral + self._weights.gaussian
        sums = self.messages(tf.ones_like(self._pixels.start[:, :1]))
        return tf.reduce_max(sums)

    def _has_unit_rows(self) -> bool:
        return self._parameters.normalization == "after"

    # === One step ===

    def messages(self, marginals):
        """What all pixels say to each pixel about each label: [N, K].

        Args:
            marginals: [N, K].
        """
        if not self._kernels:
            return tf.zeros_like(marginals)
        return self._penalized(_filtered(self._kernels, marginals))

    def _penalized(self, filtered):
        """Returns messages from what kernels give."""
        total = tf.add_n(filtered)
        penalties = self._weights.penalties
        if penalties is None:
            return total
        if len(penalties.shape) == 1:
            return total * penalties
        return -total @ (penalties + tf.transpose(penalties)) / 2

    def update(self, messages, pixels: _Pixels | None = None):
        """Returns the marginals [N, K] that answer the messages, and the rest's factor [N, 1]."""
        pixels = self._pixels if pixels is None else pixels
        if self._has_small_messages():
            exponentials, unit = pixels.start * tf.exp(messages), 1.0
        else:
            logits = pixels.logits + messages
            top = tf.stop_gradient(tf.reduce_max(logits, axis=1, keepdims=True))
            exponentials, unit = tf.exp(logits - top), tf.exp(-top)
        total = tf.reduce_sum(exponentials, axis=1, keepdims=True)
        if pixels.rest is not None:
            total += pixels.rest * unit
        share = 1 / total
        return exponentials * share, unit * share

    def _has_small_messages(self) -> bool:
        """Whether they lie between 0 and a number whose exponential is one too."""
        weights = self._weights[:2]
        is_known = self._live and self._has_unit_rows() and not any(map(tf.is_tensor, weights))
        return bool(is_known) and sum(weights) < 60

    # === All steps ===

    def refine(self):
        """Iterates to the end; returns float32 probabilities [H, W, C]."""
        iterations = self._parameters.iterations
        state = self.start, tf.ones_like(self.start[:, :1])
        if self._parameters.mode == "fast" and iterations > FREEZE_AFTER:
            state = _repeat(FREEZE_AFTER, self._step, *state)
            state = self._refine_uncertain(iterations - FREEZE_AFTER, *state)
        else:
            state = _repeat(iterations, self._step, *state)
        marginals = self._live.restore(*state) if self._live else state[0]
        return tf.reshape(marginals, self._shape)

    def _step(self, marginals, _):
        return self.update(self.messages(marginals))

    def _refine_uncertain(self, iterations: int, *state):
        """Goes on with the pixels and labels that are not decided yet; the others keep theirs."""
        by_label = tf.transpose(state[0])  # quicker to look through
        uncertain = tf.reduce_max(by_label, axis=0) <= FREEZE_PROBABILITY
        points = tf.cast(tf.where(uncertain)[:, 0], tf.int32)
        pixels = self._pixels.take(points)
        if self._live is not None:
            # The label that leads a pixel has at least 1 / C and is always kept.
            least = tf.minimum(DROP_PROBABILITY, 1 / tf.cast(self._shape[2], tf.float32))
            is_kept = tf.reduce_max(by_label, axis=1) >= least
            self._live = self._live.narrow(is_kept)
            rest = self._live.rest
            state = _narrowed(by_label, is_kept, rest)
            start = keep_labels(tf.transpose(pixels.start), is_kept)
            pixels = _Pixels(start, _scores_of(start), tf.gather(rest, points))
        begin = tf.gather(state[0], points)
        told, kernels = [tf.zeros_like(begin)], []
        for kernel in self._kernels:
            now, restricted = kernel.restrict(points, uncertain, state[0])
            told += now
            kernels.append(restricted)
        # Messages are linear: what follows changes them by those of the changes.
        told = tf.add_n(told)

        def step(changed, _):
            changes = _filtered(kernels, changed - begin)
            return self.update(self._penalized([told, *changes]), pixels)

        changed = self.update(self._penalized([told]), pixels)
        changed = _repeat(iterations - 1, step, *changed)
        return [
            tf.tensor_scatter_nd_update(part, points[:, None], new)
            for part, new in zip(state, changed, strict=True)
        ]


def _filtered(kernels, values) -> list[tf.Tensor]:
    """Returns what all kernels give, one after the other: each by itself keeps the cores busy."""
    found = []
    for kernel in kernels:
        with tf.control_dependencies(found):
            found += kernel(values)
    return found


def _scores_of(start):
    """Returns logits of marginals; no message lifts those of columns that only fill up."""
    return tf.math.log(tf.maximum(start, 1e-37))


def _narrowed(by_label, is_kept, rest):
    """Returns the state without the labels that are set aside from now on."""
    kept = keep_labels(by_label, is_kept)
    missing = tf.maximum(1 - tf.reduce_sum(kept, axis=1, keepdims=True), 0)
    return kept, tf.math.divide_no_nan(missing, rest)


def _repeat(count: int, step, *state):
    """Runs `step` so many times in a loop of the graph."""

    def body(i, *state):
        following = step(*state)
        for old, new in zip(state, following, strict=True):
            new.set_shape(old.shape)  # the graph knows less of what is put together from shards
        return i + 1, *following

    return tf.while_loop(
        lambda i, *_: i < count, body, (tf.constant(0), *state), parallel_iterations=1
    )[1:]


def fixed_weights(parameters: CrfParameters, num_classes: int | None) -> Weights:
    """Returns the parameters' own weights, for so many labels."""
    penalties = None
    if parameters.compatibility != "potts":
        penalties = tf.constant(parameters.penalties(num_classes))
    return Weights(parameters.bilateral_weight, parameters.gaussian_weight, penalties)
