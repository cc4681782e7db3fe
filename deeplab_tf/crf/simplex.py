"""Which simplex of the permutohedral lattice a point lies in."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf


class Simplexes(NamedTuple):
    """The simplex of every one of N points.

    Attributes:
        weights: d + 1 float32 [N], barycentric coordinates, by the corners' remainder.
        keys: d + 1 int64 [N], by remainder a number for every corner, equal for equal corners.
        strides: d int64 scalars, what a key gains by a whole turn of one coordinate.
    """

    weights: list[tf.Tensor]
    keys: list[tf.Tensor]
    strides: list[tf.Tensor]


def find_simplexes(features: list[tf.Tensor]) -> Simplexes:
    """Finds simplexes, rounding in float32 as the reference code does, so that ties fall alike.

    Args:
        features: d float32 [N], coordinates in standard deviations of the kernel.

    Source: Adams, Baek and Davis 2010, section 3; permutohedral.cpp of Krähenbühl and Koltun.
    """
    size = len(features) + 1
    elevated = _elevate(features)
    turns = [tf.round(e * np.float32(1 / size)) for e in elevated]
    offsets = [e - size * t for e, t in zip(elevated, turns, strict=True)]
    ranks = _ranks(offsets, tf.cast(tf.add_n(turns), tf.int32))
    # The rounded point can lie off the plane; whole turns of the outermost ranks bring it back.
    wraps = [tf.cast(r < 0, tf.int32) - tf.cast(r >= size, tf.int32) for r in ranks]
    ranks = [r + size * w for r, w in zip(ranks, wraps, strict=True)]
    turns = [t + tf.cast(w, tf.float32) for t, w in zip(turns, wraps, strict=True)]
    shares = [(e - size * t) * np.float32(1 / size) for e, t in zip(elevated, turns, strict=True)]

    strides, first_keys = _pack(turns[:-1])
    weights, keys = [], [first_keys]
    by_rank = [[tf.equal(r, k) for r in ranks] for k in range(size)]
    share = [_select(is_rank, shares) for is_rank in by_rank]
    for remainder in range(size):
        above = share[-remainder] if remainder else share[0] - 1
        weights.append(share[size - 1 - remainder] - above)
        if remainder:
            # The coordinate of the next rank starts a new turn.
            keys.append(keys[-1] - _select(by_rank[-remainder][:-1], strides))
    return Simplexes(weights, keys, strides)


def _elevate(features):
    """Maps points to the plane of d + 1 coordinates whose sum is 0."""
    deviation = float(np.float32(np.sqrt(2 / 3) * (len(features) + 1)))
    elevated, total = [], tf.zeros_like(features[0])
    for j in range(len(features), 0, -1):
        scaled = features[j - 1] * np.float32(deviation / np.sqrt(j * (j + 1)))
        elevated.append(total - j * scaled)
        total += scaled
    return [total, *elevated[::-1]]


def _ranks(offsets, start):
    """Counts for every coordinate how many offsets are larger, from `start` on."""
    ranks = [start] * len(offsets)
    for i in range(len(offsets)):
        for j in range(i + 1, len(offsets)):
            is_smaller = tf.cast(offsets[i] < offsets[j], tf.int32)
            ranks[i] += is_smaller
            ranks[j] += 1 - is_smaller
    return ranks


def _select(conditions, values):
    """Takes, at every point, the value whose condition holds; 0 where none does."""
    zero = tf.zeros([], values[0].dtype)
    return tf.add_n([tf.where(c, v, zero) for c, v in zip(conditions, values, strict=True)])


def _pack(turns):
    """Returns strides, and one int64 for the coordinates of every point.

    Every coordinate gets two turns of room on both sides, so that the key of a neighbour outside
    the box is no other corner's.
    """
    lowest = [tf.reduce_min(t) - 2 for t in turns]
    highest = [tf.reduce_max(t) + 2 for t in turns]
    spans = [high - low + 1 for high, low in zip(highest, lowest, strict=True)]
    bits = tf.add_n([tf.math.log(span) for span in spans]) / np.log(2)
    check = tf.debugging.Assert(
        bits < 62, ["The CRF's lattice is too fine for this image: use larger sigmas. Bits:", bits]
    )
    strides = [tf.ones([], tf.int64)]
    for span in spans[:-1]:
        strides.append(strides[-1] * tf.cast(span, tf.int64))
    with tf.control_dependencies([check]):
        parts = [
            tf.cast(t - low, tf.int64) * stride
            for t, low, stride in zip(turns, lowest, strides, strict=True)
        ]
        return strides, tf.add_n(parts)
