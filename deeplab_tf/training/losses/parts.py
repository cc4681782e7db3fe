"""What a micro-batch adds to the loss of the global batch, for every map of logits.

All functions take `labels`, int32 [B, h, w] for every map with -1 for void, and `maps`, logits
[B, h, w, C], both of one micro-batch.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from deeplab_tf.training.losses.gather import linearize
from deeplab_tf.training.losses.total import TotalLoss


def pixel_part(
    loss: TotalLoss, labels: Sequence[tf.Tensor], maps: Sequence[tf.Tensor], weights: tf.Tensor
) -> tf.Tensor:
    """Computes what the terms add that are sums over pixels.

    Args:
        loss: the sum of losses.
        labels: see above.
        maps: see above.
        weights: float32 [maps], from `micro_batch_weights`.

    Returns:
        float32 scalar.
    """
    if not loss.pixel_terms:
        return tf.constant(0.0)
    sums = [
        sum(f * tf.reduce_sum(term.pixel_losses(y, logits)) for f, term in loss.pixel_terms)
        for y, logits in zip(labels, maps, strict=True)
    ]
    return tf.reduce_sum(weights * tf.stack(sums))


def part_alone(
    loss: TotalLoss, labels: Sequence[tf.Tensor], maps: Sequence[tf.Tensor], parts: int
) -> tf.Tensor:
    """Computes what the other terms add where every micro-batch is a batch of its own.

    Args:
        loss: the sum of losses.
        labels: see above.
        maps: see above.
        parts: number of micro-batches on all replicas, over which the mean is taken.

    Returns:
        float32 scalar.
    """
    losses = [
        factor * term(y, logits)
        for factor, term in loss.whole_batch_terms
        for y, logits in zip(labels, maps, strict=True)
    ]
    return tf.add_n(losses) / parts


def measure(
    loss: TotalLoss, labels: Sequence[tf.Tensor], maps: Sequence[tf.Tensor]
) -> list[tf.Tensor]:
    """Measures a micro-batch for every term that needs the whole batch, and every map.

    Args:
        loss: the sum of losses.
        labels: see above.
        maps: see above.

    Returns:
        A list, term by term, of what `WholeBatchLoss.measure` returns for each map.
    """
    return [
        term.measure(y, logits)
        for _, term in loss.whole_batch_terms
        for y, logits in zip(labels, maps, strict=True)
    ]


def linearize_all(
    loss: TotalLoss, labels: Sequence[tf.Tensor], measured: Sequence[tf.Tensor]
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Computes the terms that need the whole batch, and their slopes; see `gather.linearize`.

    Must be called inside a replica.

    Args:
        loss: the sum of losses.
        labels: int32 [M, B, h, w] for every map, of the replica's M micro-batches.
        measured: float32 [M, ...] each, from `measure`.

    Returns:
        The sum of the terms, the same on every replica, and how it changes with `measured`.
    """
    rows = [(factor, term, y) for factor, term in loss.whole_batch_terms for y in labels]
    value, slopes = tf.constant(0.0), []
    for (factor, term, y), own in zip(rows, measured, strict=True):
        of_term, slope = linearize(term, y, own)
        value += factor * of_term
        slopes.append(factor * slope)
    return value, slopes


def linear_part(
    loss: TotalLoss,
    labels: Sequence[tf.Tensor],
    maps: Sequence[tf.Tensor],
    slopes: Sequence[tf.Tensor],
) -> tf.Tensor:
    """Computes what has the micro-batch's gradient of the terms that need the whole batch.

    Args:
        loss: the sum of losses.
        labels: see above.
        maps: see above.
        slopes: from `linearize_all`, of this micro-batch.

    Returns:
        float32 scalar, which is not the loss.
    """
    pairs = zip(measure(loss, labels, maps), slopes, strict=True)
    return tf.add_n([tf.reduce_sum(own * slope) for own, slope in pairs])
