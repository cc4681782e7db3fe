"""Builds the permutohedral lattice: the vertices around points, and which are neighbours."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from deeplab_tf.crf.lattice.simplex import find_simplexes
from deeplab_tf.crf.lattice.sparse import pack_pairs, unpack_pairs


class Lattice(NamedTuple):
    """The vertices that a set of N points touches, and which of them are neighbours.

    A step along an axis changes a vertex's remainder by one. Where the number of remainders d + 1
    is even, all edges therefore run between two parts, the vertices of even and of odd remainder,
    and each is blurred from the other alone. Where it is odd there is one part.

    Attributes:
        vertices: for every part int32 [N, k], the vertices of every point's simplex, numbered
            from 0 on in each part.
        weights: for every part float32 [N, k], the point's barycentric coordinates for them; the
            sum over all parts is 1.
        edges: for every axis int32 [E, 2], pairs of neighbours: number within the first part,
            number within the last part.
        sizes: one or two int32 scalars, how many vertices each part has.
    """

    vertices: list[tf.Tensor]
    weights: list[tf.Tensor]
    edges: list[tf.Tensor]
    sizes: list[tf.Tensor]


def build_lattice(features: list[tf.Tensor]) -> Lattice:
    """Numbers the vertices around the points and finds their neighbours.

    Args:
        features: d float32 [N], the points' coordinates in standard deviations of the kernel.

    Returns:
        The lattice; as in the reference code, only vertices that a point touches exist.

    Raises:
        tf.errors.InvalidArgumentError: when run, features so far apart that vertices cannot be
            numbered in 63 bits.

    Source: Adams, Baek and Davis 2010, section 3.1, as in the code of Krähenbühl and Koltun 2011.
    """
    simplexes = find_simplexes(features)
    # Vertices of unlike remainder never coincide: d + 1 small searches instead of a large one.
    found = [tf.unique(keys) for keys in simplexes.keys]
    orders = [tf.argsort(one.y) for one in found]
    sorted_keys = [tf.gather(one.y, order) for one, order in zip(found, orders, strict=True)]
    firsts, sizes = _count(sorted_keys)
    vertices = []
    for remainder, order in enumerate(orders):
        # Numbered in the order of their keys, the vertices of an edge lie near those of the next.
        places = tf.range(tf.size(order)) + firsts[remainder]
        numbers = tf.scatter_nd(order[:, None], places, tf.shape(order))
        vertices.append(tf.gather(numbers, found[remainder].idx))
    edges = _find_edges(sorted_keys, firsts, simplexes.strides)
    parts = len(sizes)
    vertices, weights = (
        [_by_point(columns[part::parts]) for part in range(parts)]
        for columns in (vertices, simplexes.weights)
    )
    return Lattice(vertices, weights, edges, sizes)


def _by_point(columns: list[tf.Tensor]) -> tf.Tensor:
    """Returns k [N] as [N, k]; transposing is faster than tf.stack on axis 1."""
    stacked = tf.stack(columns)
    # Of integers oneDNN would print that it cannot.
    return tf.bitcast(tf.transpose(tf.bitcast(stacked, tf.float32)), stacked.dtype)


def _count(
    sorted_keys: list[tf.Tensor],
) -> tuple[dict[int, tf.Tensor], list[tf.Tensor]]:
    """Returns for every remainder its first vertex's number in its part, and the parts' sizes."""
    count = len(sorted_keys)
    firsts, sizes = {}, []
    for part in [range(count)] if count % 2 else [range(0, count, 2), range(1, count, 2)]:
        size = tf.zeros([], tf.int32)
        for remainder in part:
            firsts[remainder] = size
            size += tf.size(sorted_keys[remainder])
        sizes.append(size)
    return firsts, sizes


def _find_edges(
    sorted_keys: list[tf.Tensor], firsts: dict[int, tf.Tensor], strides: list[tf.Tensor]
) -> list[tf.Tensor]:
    """Pairs every vertex with the one a step away, axis by axis.

    The step is -1 in every coordinate but the axis' own, where it is +d. It lowers the remainder
    by one, and a key, whose coordinates count multiples of d + 1, then changes only by the axis'
    own stride.
    """
    steps = tf.stack([*strides, tf.zeros_like(strides[0])])  # the last coordinate is implied
    pairs, exist = [], []
    for remainder, own in enumerate(sorted_keys):
        lower = (remainder - 1) % len(sorted_keys)  # of 0: the last one, d + 1 lower
        wanted = own[None] + (steps if remainder else steps - tf.reduce_sum(steps))[:, None]
        place = tf.searchsorted(sorted_keys[lower], tf.reshape(wanted, [-1]))
        place = tf.reshape(tf.minimum(place, tf.size(sorted_keys[lower]) - 1), tf.shape(wanted))
        exist.append(tf.equal(tf.gather(sorted_keys[lower], place), wanted))
        here, there = tf.range(tf.size(own)) + firsts[remainder], place + firsts[lower]
        # Of two parts, vertices of odd remainder are in the last one.
        is_last = len(sorted_keys) % 2 == 0 and remainder % 2
        pairs.append(pack_pairs(there, here) if is_last else pack_pairs(here, there))
    pairs, exist = (tf.concat(parts, axis=1) for parts in (pairs, exist))
    axes = range(len(sorted_keys))
    return [unpack_pairs(tf.gather(pairs[axis], tf.where(exist[axis])[:, 0])) for axis in axes]
