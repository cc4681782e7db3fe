"""Mean field in the fully connected CRF, in TensorFlow, one image at a time."""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from deeplab_tf.crf.kernels import Kernel, LatticeFilter, SeparableFilter
from deeplab_tf.crf.parameters import CrfParameters
from deeplab_tf.crf.permutohedral import build_lattice

# mode="fast": pixels this sure after so many steps keep their marginals.
FREEZE_PROBABILITY = 0.999
FREEZE_AFTER = 2


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


class MeanField:
    """The iteration on one image.

    Labels that stay negligible everywhere are not iterated on; together they keep a share `rest`
    of every pixel.

    Args:
        scores: float32 [H, W, C], minus the unary energy.
        image: float32 [H, W, 3], RGB 0..255.
        parameters: of the CRF.
        weights: used in place of the parameters' own.

    Attributes:
        start: float32 [N, K], marginals of the K labels that are iterated on, before any step.

    Source: Krähenbühl and Koltun 2011, algorithm 1, with a pixel's message to itself, as in their
    code and DeepLab's.
    """

    def __init__(self, scores, image, parameters: CrfParameters, weights: Weights):
        self._parameters, self._weights = parameters, weights
        self._shape = tf.shape(scores)
        height, width, labels = tf.unstack(self._shape)
        scores = tf.reshape(scores, [height * width, labels])
        scores -= tf.stop_gradient(tf.reduce_max(scores, axis=1, keepdims=True))
        self._kernels = _build_kernels(tf.stop_gradient(image), parameters, weights)
        self._scale = tf.exp(scores)
        marginals = self._scale / tf.reduce_sum(self._scale, axis=1, keepdims=True)
        self._scores, self._rest, self.start = scores, None, marginals
        if self._can_prune():
            self._prune(marginals)

    def _can_prune(self) -> bool:
        """Whether the bound in `_prune` holds."""
        parameters = self._parameters
        is_potts = self._weights.penalties is None
        return is_potts and parameters.normalization != "none" and not parameters.trainable

    def _prune(self, marginals):
        """Sets labels aside whose probability is below 1 / (2 e R) at all pixels.

        R is the largest sum of messages that a pixel can get. Messages of a Potts model are not
        negative, so a step raises a label to at most q0 exp(R max q): from below the threshold
        it never gets to more than 1.27 q0 anywhere.
        """
        largest = 2 * math.e * self._largest_message()
        labels = tf.cast(self._shape[2], tf.float32)
        # The label that leads a pixel has at least 1 / C and is always kept.
        threshold = 1 / tf.maximum(largest, labels)
        is_kept = tf.reduce_max(marginals, axis=0) >= threshold
        kept, dropped = (tf.where(mask)[:, 0] for mask in (is_kept, ~is_kept))
        self._dropped_scale = tf.gather(self._scale, dropped, axis=1)
        self._rest = tf.reduce_sum(self._dropped_scale, axis=1, keepdims=True)
        self._order = tf.math.invert_permutation(tf.concat([kept, dropped], axis=0))
        self._scores = tf.gather(self._scores, kept, axis=1)
        self.start = tf.gather(marginals, kept, axis=1)

    def _largest_message(self):
        if self._parameters.normalization == "after":
            return sum(weight for weight, _ in self._kernels)  # rows sum to 1
        ones = tf.ones([self._shape[0] * self._shape[1], 1])
        sums = [weight * kernel(ones) for weight, kernel in self._kernels]
        return tf.reduce_max(tf.add_n(sums)) if sums else 0.0

    # === One step ===

    def messages(self, marginals, kernels=None):
        """What all pixels say to each pixel about each label: [N, K]."""
        kernels = self._kernels if kernels is None else kernels
        total = [weight * kernel(marginals) for weight, kernel in kernels]
        total = tf.add_n(total) if total else tf.zeros_like(marginals)
        penalties = self._weights.penalties
        if penalties is None:
            return total
        if len(penalties.shape) == 1:
            return total * penalties
        return -total @ (penalties + tf.transpose(penalties)) / 2

    def update(self, messages, scores=None, rest=None):
        """Returns the marginals [N, K] that answer the messages, and the rest's factor [N, 1].

        Without a rest the factor means nothing.
        """
        logits = (self._scores if scores is None else scores) + messages
        rest = self._rest if rest is None else rest
        # Shifts numerator and denominator alike.
        top = tf.stop_gradient(tf.reduce_max(logits, axis=1, keepdims=True))
        exponentials = tf.exp(logits - top)
        total = tf.reduce_sum(exponentials, axis=1, keepdims=True)
        if rest is None:
            return exponentials / total, total
        factor = tf.exp(-top)
        total += rest * factor
        return exponentials / total, factor / total

    # === All steps ===

    def refine(self):
        """Iterates to the end; returns float32 probabilities [H, W, C]."""
        iterations = self._parameters.iterations
        state = self.start, 1 / tf.reduce_sum(self._scale, axis=1, keepdims=True)
        if self._parameters.mode == "fast" and iterations > FREEZE_AFTER:
            state = _repeat(FREEZE_AFTER, self._step, *state)
            state = self._refine_doubtful(iterations - FREEZE_AFTER, *state)
        else:
            state = _repeat(iterations, self._step, *state)
        return self._all_labels(*state)

    def _step(self, marginals, _):
        return self.update(self.messages(marginals))

    def _refine_doubtful(self, iterations: int, marginals, factor):
        """Goes on with the pixels that are not sure yet; the others keep their marginals."""
        doubtful = tf.reduce_max(marginals, axis=1) <= FREEZE_PROBABILITY
        points = tf.cast(tf.where(doubtful)[:, 0], tf.int32)
        kernels = [(weight, kernel.restrict(points, marginals)) for weight, kernel in self._kernels]
        scores = tf.gather(self._scores, points)
        rest = None if self._rest is None else tf.gather(self._rest, points)

        def step(changed, _):
            return self.update(self.messages(changed, kernels), scores, rest)

        state = marginals, factor
        changed = _repeat(iterations, step, *(tf.gather(part, points) for part in state))
        return tuple(
            tf.tensor_scatter_nd_update(part, points[:, None], new)
            for part, new in zip(state, changed, strict=True)
        )

    def _all_labels(self, marginals, factor):
        if self._rest is not None:
            dropped = self._dropped_scale * factor
            marginals = tf.gather(tf.concat([marginals, dropped], axis=1), self._order, axis=1)
        return tf.reshape(marginals, self._shape)


def _repeat(count: int, step, marginals, factor):
    """Runs `step` so many times in a loop of the graph."""
    _, *state = tf.while_loop(
        lambda i, *state: i < count,
        lambda i, *state: (i + 1, *step(*state)),
        (tf.constant(0), marginals, factor),
        parallel_iterations=1,
    )
    return state


def _build_kernels(image, parameters: CrfParameters, weights: Weights):
    """Returns (weight, kernel) of both kernels, without one whose weight is fixed at 0."""
    height, width = tf.unstack(tf.shape(image)[:2])
    x = tf.cast(tf.tile(tf.range(width), [height]), tf.float32)
    y = tf.cast(tf.repeat(tf.range(height), width), tf.float32)
    kernels = []
    if parameters.bilateral_weight or parameters.trainable:
        colors = tf.unstack(tf.reshape(image, [-1, 3]), axis=1)
        features = [v / np.float32(parameters.bilateral_sigma_xy) for v in (x, y)]
        features += [v / np.float32(parameters.bilateral_sigma_rgb) for v in colors]
        kernels.append((weights.bilateral, LatticeFilter(build_lattice(features))))
    if parameters.gaussian_weight or parameters.trainable:
        sigma = parameters.gaussian_sigma_xy
        if parameters.spatial_kernel == "lattice":
            features = [v / np.float32(sigma) for v in (x, y)]
            linear = LatticeFilter(build_lattice(features))
        else:
            linear = SeparableFilter(height, width, sigma)
        kernels.append((weights.gaussian, linear))
    pixels = height * width
    return [(w, Kernel(linear, pixels, parameters.normalization)) for w, linear in kernels]


@functools.lru_cache(maxsize=16)
def batch_function(parameters: CrfParameters) -> tf.types.experimental.GenericFunction:
    """Returns the compiled function that refines a batch.

    It takes scores float32 [B, H, W, C] (minus the unary energy), images float32 [B, H, W, 3]
    (RGB 0..255), valid int32 [B, 2] (height and width of the top-left part that counts) or None
    for all of it, and learned weights or None for the parameters' own. It returns probabilities
    float32 [B, H, W, C], outside the valid part the softmax of the scores, and raises
    InvalidArgumentError for a valid part that does not fit.

    Args:
        parameters: of the CRF.
    """

    @tf.function(reduce_retracing=True)
    def refine_batch(scores, images, valid=None, learned=None):
        weights = learned or _fixed_weights(parameters, scores.shape[-1])

        def refine_all(scores, image):
            # An empty image has no smallest coordinate.
            return tf.cond(
                tf.size(scores) > 0,
                lambda: MeanField(scores, image, parameters, weights).refine(),
                lambda: scores,
            )

        def refine_part(scores, image, size):
            size = _checked_size(size, tf.shape(scores)[:2])
            part = refine_all(*(x[: size[0], : size[1]] for x in (scores, image)))
            paddings = tf.stack([tf.zeros([2], tf.int32), tf.shape(scores)[:2] - size], axis=1)
            paddings = tf.pad(paddings, [[0, 1], [0, 0]])
            is_inside = tf.pad(tf.ones_like(part, tf.bool), paddings)
            return tf.where(is_inside, tf.pad(part, paddings), tf.nn.softmax(scores))

        refine, inputs = refine_all, (scores, images)
        if valid is not None:
            refine, inputs = refine_part, (scores, images, valid)
        signature = tf.TensorSpec(scores.shape[1:], tf.float32)
        return tf.map_fn(
            lambda one: refine(*one), inputs, fn_output_signature=signature, parallel_iterations=1
        )

    return refine_batch


def _fixed_weights(parameters: CrfParameters, num_classes: int | None) -> Weights:
    penalties = None
    if parameters.compatibility != "potts":
        penalties = tf.constant(parameters.penalties(num_classes))
    return Weights(parameters.bilateral_weight, parameters.gaussian_weight, penalties)


def _checked_size(size, largest):
    fits = tf.reduce_all((size >= 0) & (size <= largest))
    message = ["valid must lie within the images' height and width.", largest, "Received:", size]
    with tf.control_dependencies([tf.debugging.Assert(fits, message)]):
        return tf.identity(size)
