"""Refines logits with the CRF as every predictor does."""

from __future__ import annotations

import tensorflow as tf

from deeplab_tf.layers.dense_crf import DenseCRF


def refine_logits(
    crf: DenseCRF, logits: tf.Tensor, images: tf.Tensor, sizes: tf.Tensor | None = None
) -> tf.Tensor:
    """Refines logits with a CRF, which may be one that takes probabilities.

    Args:
        crf: the CRF.
        logits: float32 [B, H, W, C].
        images: uint8 RGB [B, H, W, 3].
        sizes: int32 [B, 2], height and width of the part that counts; None for all of it.

    Returns:
        float32 probabilities [B, H, W, C].
    """
    if crf.parameters.from_probabilities:
        logits = tf.nn.softmax(logits)
    return crf((logits, images), valid=sizes)
