"""Arrays over the pixels of an image, cut into shards.

A sparse product runs on one core, so the pixels are cut into as many shards as there are cores, and
an array over pixels is a list of one [n, K] a shard.
"""

from __future__ import annotations

import itertools
import os

import tensorflow as tf

ALIGNMENT = 16
SHARDS = max(2, min(8, os.cpu_count() or 2))


def cut(rows) -> list[tf.Tensor]:
    """Cuts [N, ...] into shards."""
    count = tf.shape(rows)[0]
    # From such multiples on a slice is a view, from others a copy.
    ends = [count * i // SHARDS // ALIGNMENT * ALIGNMENT for i in range(SHARDS)] + [count]
    return [rows[start:end] for start, end in itertools.pairwise(ends)]


def normalizers(sums, normalization: str):
    """Returns what a kernel's values are multiplied with before and after filtering.

    Args:
        sums: every pixel's sum of the kernels, [n, kernels] a shard.
        normalization: as in `CrfParameters`.

    Returns:
        Two lists like `sums`, or None where nothing is to be multiplied.
    """
    if normalization == "none":
        return None, None
    factors = [1 / (shard + 1e-20) for shard in sums]
    if normalization == "before":
        return factors, None
    if normalization == "after":
        return None, factors
    roots = [tf.sqrt(factor) for factor in factors]
    return roots, roots
