"""Where the sum of a kernel divides."""

from __future__ import annotations

import tensorflow as tf


def normalizers(sums, normalization: str):
    """Returns what a kernel's values are multiplied with before and after filtering.

    Args:
        sums: every pixel's sum of the kernel.
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
