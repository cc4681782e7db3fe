"""Arrays over the pixels of an image, cut into shards.

A sparse product runs on one core. So that all cores take part, the matrices that read messages
come as one [n, M] a shard.
"""

from __future__ import annotations

import itertools
import os

import tensorflow as tf

SHARDS = max(2, min(8, os.cpu_count() or 2))
# Slices that start at a multiple are views, others are copies.
_ALIGNMENT = 16


def cut(rows) -> list[tf.Tensor]:
    """Cuts [N, ...] into shards."""
    count = tf.shape(rows)[0]
    ends = [count * i // SHARDS // _ALIGNMENT * _ALIGNMENT for i in range(SHARDS)]
    return [rows[start:end] for start, end in itertools.pairwise([*ends, count])]
