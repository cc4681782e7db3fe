"""Labels as Keras hands them to losses and metrics."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def label_ids(y_true: Any, y_pred: tf.Tensor) -> tf.Tensor:
    """Returns the label ids of a batch.

    Args:
        y_true: ids [B, H, W] or [B, H, W, 1] of any numeric type.
        y_pred: logits [B, H, W, C].

    Returns:
        int32 [B, H, W].

    Raises:
        ValueError: the labels have another shape.
    """
    labels = tf.convert_to_tensor(y_true)
    rank, wanted = labels.shape.rank, y_pred.shape.rank
    if rank is not None and rank == wanted and labels.shape[-1] in (1, None):
        labels = labels[..., 0]
    elif rank is not None and wanted is not None and rank != wanted - 1:
        raise ValueError(
            "labels must be ids [B, H, W] or [B, H, W, 1] of logits [B, H, W, C]; of one-hot "
            f"labels take tf.argmax(labels, -1). Received: labels {labels.shape}, logits "
            f"{y_pred.shape}"
        )
    return tf.cast(labels, tf.int32)
