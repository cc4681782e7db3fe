"""Arrays over the pixels of an image, cut into shards for several cores."""

from __future__ import annotations

import itertools
import os

import tensorflow as tf

SHARDS = max(2, min(8, os.cpu_count() or 2))
# Slices that start at a multiple are views, others are copies.
_ALIGNMENT = 16


def cut(rows, shards: int) -> list[tf.Tensor]:
    """Cuts [N, ...] into so many."""
    count = tf.shape(rows)[0]
    ends = [count * i // shards // _ALIGNMENT * _ALIGNMENT for i in range(shards)]
    return [rows[start:end] for start, end in itertools.pairwise([*ends, count])]
