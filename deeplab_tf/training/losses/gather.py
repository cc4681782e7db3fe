"""Losses of the whole batch whose parts lie on several replicas and in several micro-batches."""

from __future__ import annotations

import tensorflow as tf

from deeplab_tf.training.losses.base import WholeBatchLoss


def linearize(
    loss: WholeBatchLoss, labels: tf.Tensor, measured: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Computes the loss of the global batch and its slope in what was measured of each part.

    Must be called inside a replica. The gradient of the loss is the sum over all parts of that of
    `reduce_sum(slope * measure(labels, logits))`, with the slope held constant (the chain rule).

    Args:
        loss: the loss.
        labels: int32 [M, B, h, w] of the replica's M micro-batches, -1 for void.
        measured: float32 [M, ...], from `loss.measure`.

    Returns:
        The loss, the same on every replica, and the slopes, float32 [M, ...] as `measured`.
    """
    # Labels as floats: every device can add those up.
    all_labels = tf.cast(gather_parts(tf.cast(labels, tf.float32)), tf.int32)
    all_measured = gather_parts(measured)
    with tf.GradientTape() as tape:
        tape.watch(all_measured)
        value = loss.value(all_labels, all_measured)
    return value, _own_parts(tape.gradient(value, all_measured), measured)


def gather_parts(own: tf.Tensor) -> tf.Tensor:
    """Collects the micro-batches of all replicas, in the order of the images in the batch.

    Must be called inside a replica.

    Args:
        own: float32 [M, ...], one row a micro-batch of this replica.

    Returns:
        float32 [M * replicas, ...]: the first micro-batches of all replicas, then the second.
        The order is that of `data.pipeline`, and so it does not depend on the number of parts.
    """
    context = tf.distribute.get_replica_context()
    replicas = context.num_replicas_in_sync
    if replicas == 1:
        return own
    rows = tf.reshape(own, [tf.shape(own)[0], 1, -1])
    # Every replica adds zeros but at its own place; the sum is the collection.
    place = tf.one_hot(context.replica_id_in_sync_group, replicas)[None, :, None]
    collected = context.all_reduce(tf.distribute.ReduceOp.SUM, rows * place)
    return tf.reshape(collected, tf.concat([[-1], tf.shape(own)[1:]], axis=0))


def _own_parts(everything: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    """Takes this replica's rows out of what has the form of `gather_parts`."""
    context = tf.distribute.get_replica_context()
    rows = tf.reshape(everything, [tf.shape(like)[0], context.num_replicas_in_sync, -1])
    own = tf.gather(rows, context.replica_id_in_sync_group, axis=1)
    return tf.reshape(own, tf.shape(like))
