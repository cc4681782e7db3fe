"""Which pixels count in the loss, and how much each of them."""

from __future__ import annotations

import tensorflow as tf

NORMALIZATIONS = ("valid", "caffe")


def mark_void(labels: tf.Tensor, ignore_label: int) -> tf.Tensor:
    """Replaces the data set's id of void by -1, the one that all losses know.

    Args:
        labels: int32 of any shape.
        ignore_label: id of pixels that count nothing.

    Returns:
        int32 of the same shape.
    """
    return tf.where(labels == ignore_label, -1, labels)


def subsample_labels(labels: tf.Tensor, stride: int) -> tf.Tensor:
    """Takes every `stride`-th label, the first included.

    Sampling never mixes ids; on sizes `k * stride + 1` it is what Caffe's label_shrink computes.

    Args:
        labels: int32 [..., H, W].
        stride: input pixels between two logits.

    Returns:
        int32 [..., h, w], on the grid of the logits.
    """
    return labels[..., ::stride, ::stride]


def count_valid(labels: tf.Tensor) -> tf.Tensor:
    """Counts the pixels that are not void.

    Args:
        labels: int32 [..., B, H, W], -1 for void.

    Returns:
        float32 [...]
    """
    return tf.reduce_sum(tf.cast(labels >= 0, tf.float32), axis=[-3, -2, -1])


def micro_batch_weights(counts: tf.Tensor, normalize: str) -> tf.Tensor:
    """Returns the factor on every micro-batch's sum of pixel losses.

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
