"""Finds the simplex of the permutohedral lattice that a point lies in."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

# Offsets lie in -3..3 and are sorted as whole numbers of such units, with three bits for the
# coordinate: int32 has room for d + 1 more.
_UNITS = 2.0**24


class Simplexes(NamedTuple):
    """The simplex of every one of N points.

    Attributes:
        weights: d + 1 float32 [N], barycentric coordinates, by the vertices' remainder.
        keys: d + 1 int64 [N], by remainder a number for every vertex, equal for equal vertices.
        strides: d int64 scalars, what a key gains when one coordinate grows by d + 1.
    """

    weights: list[tf.Tensor]
    keys: list[tf.Tensor]
    strides: list[tf.Tensor]


def find_simplexes(features: list[tf.Tensor]) -> Simplexes:
    """Finds simplexes, rounding in float32 as the reference code does, so that ties fall alike.

    Args:
        features: d float32 [N], coordinates in standard deviations of the kernel.

    Raises:
        tf.errors.InvalidArgumentError: when run, features so far apart that vertices cannot be
            numbered in 63 bits.

    Source: Adams, Baek and Davis 2010, section 3; permutohedral.cpp of Krähenbühl and Koltun.
    """
    size = len(features) + 1
    elevated = _elevate(features)
    # The nearest point of remainder 0 has multiples of d + 1 as coordinates.
    multiples = [tf.round(e * np.float32(1 / size)) for e in elevated]
    offsets = [e - size * m for e, m in zip(elevated, multiples, strict=True)]
    # It can lie off the plane, by at most (d + 1) / 2 in every coordinate.
    excess = tf.cast(tf.add_n(multiples), tf.int32)
    ranked = _rotate(_sort(offsets), excess)
    strides, key = _pack(multiples[:-1])
    # The last coordinate is implied by the others.
    steps = tf.stack([*strides, tf.zeros_like(strides[0])][::-1])
    step = [tf.gather(steps, tf.bitwise.bitwise_and(r, 7)) for r in ranked]
    # Moving the coordinates of the outermost ranks by d + 1 brings it back to the plane.
    zero = tf.zeros([], tf.int64)
    for rank in range(size):
        key += tf.where(excess <= rank - size, step[rank], zero) if rank >= size // 2 else zero
        key -= tf.where(excess > rank, step[rank], zero) if rank <= size // 2 else zero
    keys = [key]
    for remainder in range(1, size):
        # In the next vertex the coordinate of the next rank is d + 1 lower.
        keys.append(keys[-1] - step[-remainder])
    return Simplexes(_gaps(ranked)[::-1], keys, strides)


def _elevate(features: list[tf.Tensor]) -> list[tf.Tensor]:
    """Maps points to the plane of d + 1 coordinates whose sum is 0."""
    deviation = float(np.float32(np.sqrt(2 / 3) * (len(features) + 1)))
    elevated, total = [], tf.zeros_like(features[0])
    for j in range(len(features), 0, -1):
        scaled = features[j - 1] * np.float32(deviation / np.sqrt(j * (j + 1)))
        elevated.append(total - j * scaled)
        total += scaled
    return [total, *elevated[::-1]]


def _sort(offsets: list[tf.Tensor]) -> list[tf.Tensor]:
    """Sorts every point's offsets, largest first; of equal ones the first coordinate first.

    Each becomes a whole number whose last three bits count the coordinate from behind.
    """
    ordered: list[tf.Tensor] = []
    for place, offset in enumerate(reversed(offsets)):
        ordered.insert(0, tf.cast(offset * np.float32(_UNITS), tf.int32) * 8 + place)
    for end in range(len(ordered) - 1, 0, -1):
        for i in range(end):
            one, other = ordered[i], ordered[i + 1]
            ordered[i], ordered[i + 1] = tf.maximum(one, other), tf.minimum(one, other)
    return ordered


def _rotate(ordered: list[tf.Tensor], shifts: tf.Tensor) -> list[tf.Tensor]:
    """Moves every point's entries by its own shift towards the end.

    What leaves the end comes in at the front, larger by d + 1.
    """
    size = len(ordered)
    period = int(size * 8 * _UNITS)
    shifts = tf.math.floormod(shifts, size)
    for bit in (1, 2, 4):
        if bit < size:
            moves = tf.not_equal(tf.bitwise.bitwise_and(shifts, bit), 0)
            moved = [x + period for x in ordered[-bit:]] + ordered[:-bit]
            ordered = [tf.where(moves, *pair) for pair in zip(moved, ordered, strict=True)]
    return ordered


def _gaps(ranked: list[tf.Tensor]) -> list[tf.Tensor]:
    """Returns the gap between every offset and the next lower one, cyclically, over d + 1."""
    size = len(ranked)
    unit = np.float32(1 / (8 * _UNITS * size))
    following = [*ranked[1:], ranked[0] - int(size * 8 * _UNITS)]
    pairs = zip(ranked, following, strict=True)
    return [tf.cast(one - other, tf.float32) * unit for one, other in pairs]


def _pack(multiples: list[tf.Tensor]) -> tuple[list[tf.Tensor], tf.Tensor]:
    """Returns strides, and one int64 for the coordinates of every point.

    Every coordinate gets a margin of two on both sides, so that the key of a neighbour outside the
    box is no other vertex's.

    Args:
        multiples: d float32 [N], coordinates divided by d + 1.
    """
    lowest = [tf.reduce_min(m) - 2 for m in multiples]
    highest = [tf.reduce_max(m) + 2 for m in multiples]
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
            tf.cast(m - low, tf.int64) * stride
            for m, low, stride in zip(multiples, lowest, strides, strict=True)
        ]
        return strides, tf.add_n(parts)
