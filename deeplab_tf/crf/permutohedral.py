"""The permutohedral lattice: Gaussian filtering of points in a few dimensions.

Values are spread from the points to the corners of the simplexes they lie in (splat), blurred from
corner to corner along the lattice's axes, and read back at the points (slice). All of it is stock
TensorFlow; gradients pass to the values.

Source: Adams, Baek and Davis 2010, as in the code of Krähenbühl and Koltun 2011.
"""

from __future__ import annotations

import itertools
import os
from typing import NamedTuple

import tensorflow as tf

from deeplab_tf.crf.simplex import find_simplexes

# A sparse product runs on one core, so it is cut into as many as there are.
SHARDS = max(2, min(8, os.cpu_count() or 2))


class Lattice(NamedTuple):
    """The corners that a set of N points touches, and which of them are neighbours.

    Attributes:
        corners: int32 [N, d + 1], the corners of every point's simplex, numbered 0 to M - 1.
        weights: float32 [N, d + 1], the point's barycentric coordinates; rows sum to 1.
        edges: one int32 [E, 2] an axis, the pairs of neighbouring corners.
        size: int64 scalar M.
    """

    corners: tf.Tensor
    weights: tf.Tensor
    edges: tuple[tf.Tensor, ...]
    size: tf.Tensor

    def take(self, points) -> Lattice:
        """Keeps some of the points and all corners."""
        return self._replace(
            corners=tf.gather(self.corners, points), weights=tf.gather(self.weights, points)
        )


def build_lattice(features: list[tf.Tensor]) -> Lattice:
    """Numbers the corners around the points and finds their neighbours.

    Args:
        features: d float32 [N], the points' coordinates in standard deviations of the kernel.

    Returns:
        The lattice; as in the reference code, only corners that a point touches exist.

    Raises:
        tf.errors.InvalidArgumentError: when run, features so far apart that corners cannot be
            numbered in 63 bits.
    """
    simplexes = find_simplexes(features)
    # Corners of unlike remainder never coincide: d + 1 small searches instead of a large one.
    classes = [tf.unique(keys) for keys in simplexes.keys]
    counts = [tf.size(found.y) for found in classes]
    starts = [tf.zeros([], tf.int32)]
    for count in counts:
        starts.append(starts[-1] + count)
    corners = [found.idx + start for found, start in zip(classes, starts[:-1], strict=True)]
    return Lattice(
        tf.stack(corners, axis=1),
        tf.stack(simplexes.weights, axis=1),
        _find_edges([found.y for found in classes], starts, simplexes.strides),
        tf.cast(starts[-1], tf.int64),
    )


def _find_edges(classes, starts, strides) -> tuple[tf.Tensor, ...]:
    """Pairs every corner with the one a step away, axis by axis.

    The step is -1 in every coordinate but the axis' own. It lowers the remainder by one, and a
    key, whose coordinates count whole turns, then changes only by the axis' own stride.
    """
    orders = [tf.argsort(keys) for keys in classes]
    sorted_keys = [tf.gather(keys, order) for keys, order in zip(classes, orders, strict=True)]
    steps = tf.stack([*strides, tf.zeros_like(strides[0])])  # the last coordinate is implied
    edges = [[] for _ in classes]
    for remainder, own in enumerate(sorted_keys):
        lower = remainder - 1  # of remainder 0: the last class, a whole turn down
        wanted = own[None] + (steps if remainder else steps - tf.reduce_sum(steps))[:, None]
        place = tf.searchsorted(sorted_keys[lower], tf.reshape(wanted, [-1]))
        place = tf.reshape(tf.minimum(place, tf.size(sorted_keys[lower]) - 1), tf.shape(wanted))
        exists = tf.equal(tf.gather(sorted_keys[lower], place), wanted)
        neighbours = tf.gather(orders[lower], place) + starts[lower % len(classes)]
        for axis, pairs in enumerate(edges):
            here = tf.where(exists[axis])[:, 0]
            own_numbers = tf.gather(orders[remainder], here) + starts[remainder]
            pairs.append(tf.stack([own_numbers, tf.gather(neighbours[axis], here)], axis=1))
    return tuple(tf.concat(pairs, axis=0) for pairs in edges)


def splat(lattice: Lattice, values):
    """Spreads the points' values [N, K] to the corners: [M, K]."""
    shards = zip(_shards(lattice), _cut(values), strict=True)
    return tf.add_n([_multiply(*shard, part, transpose=True) for shard, part in shards])


def blur(lattice: Lattice, values):
    """Mixes every corner with half of each neighbour's values [M, K], axis by axis."""
    for edges in lattice.edges:
        matrix = edges, tf.fill([tf.shape(edges)[0]], 0.5), [lattice.size, lattice.size]
        forth = _multiply(*matrix, values)
        back = _multiply(*matrix, values, transpose=True)
        values = tf.add_n([values, forth, back])
    return values


def slice_(lattice: Lattice, values):
    """Reads the corners' values [M, K] at the points: [N, K]."""
    # The blurs above add up to this factor along a line of points.
    scale = 1 / (1 + 2.0 ** (1 - len(lattice.edges)))
    return scale * tf.concat([_multiply(*shard, values) for shard in _shards(lattice)], axis=0)


def _shards(lattice: Lattice):
    """Yields the matrix [N, M] of weights in pieces of some points: indices, values, shape."""
    degree = lattice.corners.shape[1]
    for corners, weights in zip(_cut(lattice.corners), _cut(lattice.weights), strict=True):
        count = tf.shape(corners)[0]
        points = tf.repeat(tf.range(count), degree)
        indices = tf.stack([points, tf.reshape(corners, [-1])], axis=1)
        yield indices, tf.reshape(weights, [-1]), [tf.cast(count, tf.int64), lattice.size]


def _cut(rows) -> list[tf.Tensor]:
    count = tf.shape(rows)[0]
    ends = [count * i // SHARDS for i in range(SHARDS + 1)]
    return [rows[start:end] for start, end in itertools.pairwise(ends)]


def _multiply(indices, values, shape, dense, transpose=False):
    """Multiplies a sparse matrix, or its transpose, with a dense one [., K].

    `tf.sparse` wants int64 indices, which take twice the memory and a third more time.
    """

    @tf.custom_gradient
    def product(dense):
        result = tf.raw_ops.SparseTensorDenseMatMul(
            a_indices=indices,
            a_values=values,
            a_shape=tf.stack(shape),
            b=dense,
            adjoint_a=transpose,
        )
        return result, lambda d_result: _multiply(indices, values, shape, d_result, not transpose)

    return product(dense)
