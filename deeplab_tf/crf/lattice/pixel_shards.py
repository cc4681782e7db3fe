"""Cuts arrays over the pixels of an image into shards, one for each core."""

from __future__ import annotations

import itertools
import os

import tensorflow as tf

SHARDS = max(2, min(8, os.cpu_count() or 2))
# Slices that start at a multiple are views, others are copies.
_ALIGNMENT = 16


def cut(rows: tf.Tensor, shards: int) -> list[tf.Tensor]:
    """Cuts [N, ...] into a number of shards of about the same size, in order."""
    count = tf.shape(rows)[0]
    ends = [count * i // shards // _ALIGNMENT * _ALIGNMENT for i in range(shards)]
    return [rows[start:end] for start, end in itertools.pairwise([*ends, count])]
