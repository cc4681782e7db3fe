"""Softmax cross-entropy over the pixels that count."""

from __future__ import annotations

import tensorflow as tf

NORMALIZATIONS = ("valid", "caffe")


def subsample_labels(labels, stride: int):
    """Takes every `stride`-th label, the first included: [..., H, W] to the score grid.

    Sampling never mixes ids; on sizes `k * stride + 1` it is what Caffe's label_shrink computes.
    """
    return labels[..., ::stride, ::stride]


def count_valid(labels, ignore_label: int):
    """Counts the pixels that count, over the last three axes (images, height, width)."""
    return tf.reduce_sum(tf.cast(labels != ignore_label, tf.float32), axis=[-3, -2, -1])


def cross_entropy_sum(labels, logits, ignore_label: int):
    """Sums the cross-entropy over the pixels that count.

    Args:
        labels: int32 [B, h, w].
        logits: logits [B, h, w, C].
        ignore_label: id of pixels that count nothing.

    Returns:
        float32 scalar; divide it by the number of valid pixels of all replicas and
        micro-batches, not by this batch's.

    Source: Caffe's SoftmaxWithLoss; Chen et al. 2015, section 3.
    """
    valid = labels != ignore_label
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=tf.where(valid, labels, 0), logits=tf.cast(logits, tf.float32)
    )
    return tf.reduce_sum(tf.where(valid, losses, 0.0))


def micro_batch_weights(counts, normalize: str):
    """Returns the factor on every micro-batch's loss sums.

    Must be called inside a replica; it sums over all replicas.

    Args:
        counts: float32 [micro-batches, maps], valid pixels of this replica.
        normalize: `"valid"` gives every valid pixel of the global batch the same weight.
            `"caffe"` averages each micro-batch by itself and then the micro-batches, as the
            released networks were trained; pixels of images with much void weigh more.

    Returns:
        float32 [micro-batches, maps]. A map without any valid pixel has weight 0.

    Raises:
        ValueError: another normalisation.
    """
    context = tf.distribute.get_replica_context()
    if normalize == "valid":
        total = context.all_reduce(tf.distribute.ReduceOp.SUM, tf.reduce_sum(counts, axis=0))
        return tf.math.divide_no_nan(tf.ones_like(counts), total)
    if normalize == "caffe":
        parts = context.num_replicas_in_sync * counts.shape[0]
        return tf.math.divide_no_nan(tf.ones_like(counts), counts * parts)
    raise ValueError(f"normalize must be one of {NORMALIZATIONS}. Received: {normalize!r}")
