"""Normalises kernels by their sum at each pixel."""

from __future__ import annotations

import tensorflow as tf


def normalizers(sums: tf.Tensor, normalization: str) -> tuple[tf.Tensor | None, tf.Tensor | None]:
    """Returns the factors that normalise a kernel, before and after filtering.

    Args:
        sums: float32 [N, 1], the sum of the kernel at each pixel.
        normalization: as in `CrfParameters`.

    Returns:
        Two tensors like `sums`, or None where nothing is to be multiplied.
    """
    if normalization == "none":
        return None, None
    factor = 1 / (sums + 1e-20)
    if normalization == "before":
        return factor, None
    if normalization == "after":
        return None, factor
    return tf.sqrt(factor), tf.sqrt(factor)
