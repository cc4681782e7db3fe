"""Mean field in the fully connected CRF: Algorithm 1 of Krähenbühl and Koltun 2011.

`reference.py` says the same in NumPy over all pairs of pixels. Here kernels filter the label maps
instead (`kernels.py`), which takes time linear in the number of pixels N.

The algorithm's energies are negated throughout: `logits` are -psi, minus the unary energy, and
`messages` are minus the transformed messages, so that both add up to the logarithm of Q.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf

from deeplab_tf.crf.kernels import Filter, Kernel

# Q float32 [N, K], and float32 [N, 1] as the second result of `local_update`.
State = tuple[tf.Tensor, tf.Tensor]


class Unary(NamedTuple):
    """The unary term of N pixels and K labels.

    Attributes:
        logits: float32 [N, K], minus the unary energy psi.
        marginals: float32 [N, K], Q before the first step: the softmax of the logits.
        pruned_mass: float32 [N, 1], the sum of Q before the first step over labels that are left
            out of the K and get no messages; None if there are none.
        is_bounded: whether all messages lie between 0 and a number whose exponential is finite.
    """

    logits: tf.Tensor
    marginals: tf.Tensor
    pruned_mass: tf.Tensor | None = None
    is_bounded: bool = False


class MeanField(NamedTuple):
    """The iteration on one image.

    A pixel's message to itself is kept, as in the authors' code and in DeepLab's.

    Attributes:
        unary: of all pixels.
        kernels: k_m times w_m, normalised.
        penalties: label compatibility mu, see `Weights`.
    """

    unary: Unary
    kernels: Sequence[Kernel]
    penalties: tf.Tensor | None

    def run(self, iterations: int) -> State:
        """Runs a number of steps.

        Args:
            iterations: how many.

        Returns:
            Q float32 [N, K], and float32 [N, 1] as the second result of `local_update`.
        """
        # Initialise: Q_i(l) = exp(-psi_i(l)) / Z_i.
        marginals = self.unary.marginals
        return repeat(iterations, self.step, marginals, tf.ones_like(marginals[:, :1]))

    def step(self, marginals: tf.Tensor, _: tf.Tensor | None = None) -> State:
        """Updates Q, float32 [N, K], of all pixels at once."""
        # Message passing and compatibility transform.
        messages = self.messages(marginals)
        # Local update and normalisation.
        return local_update(self.unary, messages)

    def messages(self, marginals: tf.Tensor) -> tf.Tensor:
        """Returns the messages float32 [N, K] to each pixel about each label."""
        # Message passing: sum over j of w_m k_m(f_i, f_j) Q_j(l), for every kernel m.
        filtered = pass_messages(self.kernels, marginals)
        # Compatibility transform: minus the sum over l' and m of mu(l, l') times the former.
        return transform_compatibility(filtered, self.penalties)


def pass_messages(kernels: Sequence[Filter], marginals: tf.Tensor) -> list[tf.Tensor]:
    """Filters all label maps with every kernel.

    Args:
        kernels: k_m times w_m.
        marginals: float32 [N, K], Q.

    Returns:
        Tensors float32 [N, K] whose sum is that of all kernels.
    """
    if not kernels:
        return [tf.zeros_like(marginals)]
    filtered: list[tf.Tensor] = []
    for kernel in kernels:
        with tf.control_dependencies(filtered):  # each kernel by itself keeps the cores busy
            filtered += kernel(marginals)
    return filtered


def transform_compatibility(filtered: list[tf.Tensor], penalties: tf.Tensor | None) -> tf.Tensor:
    """Weighs what pixels have passed about all labels l' by minus mu(l, l').

    With Potts, mu(l, l') = [l != l'], the sum over all other labels is that over all labels minus
    the own one; the former is the same for all l and cancels in the normalisation.

    Args:
        filtered: tensors float32 [N, K], to be added up.
        penalties: mu; None for Potts, [K] for mu(l, l') = penalties[l'] [l != l'], or [K, K].

    Returns:
        Messages float32 [N, K].
    """
    total = tf.add_n(filtered)
    if penalties is None:
        return total
    if len(penalties.shape) == 1:
        return total * penalties
    return -total @ (penalties + tf.transpose(penalties)) / 2


def local_update(unary: Unary, messages: tf.Tensor) -> State:
    """Computes Q_i(l) = exp(-psi_i(l) + message) / Z_i.

    Args:
        unary: of N pixels.
        messages: float32 [N, K].

    Returns:
        Q float32 [N, K], and float32 [N, 1], by what Q has changed from before the first step for a
        label that gets no message.
    """
    # Local update, up to a factor for each pixel, by which no exponential exceeds float32.
    if unary.is_bounded:
        exponentials, unit = unary.marginals * tf.exp(messages), 1.0
    else:
        logits = unary.logits + messages
        top = tf.stop_gradient(tf.reduce_max(logits, axis=1, keepdims=True))
        exponentials, unit = tf.exp(logits - top), tf.exp(-top)
    # Normalise.
    total = tf.reduce_sum(exponentials, axis=1, keepdims=True)
    if unary.pruned_mass is not None:
        total += unary.pruned_mass * unit
    share = 1 / total
    return exponentials * share, unit * share


def repeat(count: int, step: Callable[..., Sequence[tf.Tensor]], *state: tf.Tensor) -> State:
    """Runs `step` a number of times in a loop of the graph.

    Args:
        count: how often.
        step: from a state to the next one.
        *state: the first state.
    """

    def body(i: tf.Tensor, *state: tf.Tensor) -> tuple[tf.Tensor, ...]:
        following = step(*state)
        for old, new in zip(state, following, strict=True):
            new.set_shape(old.shape)  # the graph knows less of what is put together from shards
        return i + 1, *following

    return tf.while_loop(
        lambda i, *_: i < count, body, (tf.constant(0), *state), parallel_iterations=1
    )[1:]
