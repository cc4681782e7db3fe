"""What both kinds of kernels have to do."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.crf.lattice.build_lattice import build_lattice
from deeplab_tf.crf.lattice.kernel import LatticeKernel
from deeplab_tf.crf.separable_kernel import SeparableKernel
from tests.crf.lattice.points import gaussian_sums, points


@pytest.mark.parametrize("size", [(1, 1), (1, 6), (5, 9)])
def test_separable_filter_is_the_sum_over_all_pairs(size):
    y, x = np.indices(size).reshape(2, -1).astype(np.float32)
    values = np.random.default_rng(0).random((x.size, 3)).astype(np.float32)
    ours = tf.add_n(SeparableKernel(size, 1.7, 1.0, "none")(values))
    np.testing.assert_allclose(ours, gaussian_sums([x / 1.7, y / 1.7], values), rtol=2e-3)


def small_filter(kind, normalization):
    """A filter of 48 pixels."""
    y, x = np.indices((6, 8)).reshape(2, -1).astype(np.float32)
    if kind == "separable":
        return SeparableKernel((6, 8), 1.5, 2.0, normalization)
    features = [x / 1.5, y / 1.5] if kind == "plane" else points(48, 5, spread=0.7)
    return LatticeKernel(build_lattice(features), 2.0, normalization)


def restricted_sums(kernel, some):
    """What some pixels read when they change, from the restricted filter and from the whole."""
    rng = np.random.default_rng(0)
    old, new = (rng.random((48, 2)).astype(np.float32) for _ in range(2))
    mixed = old.copy()
    mixed[some] = new[some]
    is_one = tf.constant(np.isin(np.arange(48), some))
    read, restricted = kernel.restrict(tf.constant(some, tf.int32), is_one, tf.constant(old))
    before = tf.add_n(kernel(tf.constant(old))).numpy()
    np.testing.assert_allclose(tf.add_n(read), before[some], rtol=1e-5)
    found = tf.add_n([*read, *restricted(tf.constant(new[some] - old[some]))])
    return found, tf.add_n(kernel(tf.constant(mixed))).numpy()[some]


@pytest.mark.parametrize("normalization", ["after", "symmetric", "before", "none"])
@pytest.mark.parametrize("kind", ["plane", "space", "separable"])
def test_restricted_filter_lets_points_change(kind, normalization):
    some = [3, 4, 17, 40] if kind == "separable" else range(48)
    found, wanted = restricted_sums(small_filter(kind, normalization), np.array(some))
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


@pytest.mark.parametrize("kind", ["plane", "space"])
def test_restricted_lattice_loses_little(kind):
    kernel, some = small_filter(kind, "after"), np.arange(12, 36)
    found, wanted = restricted_sums(kernel, some)
    assert vertices_of(kernel, some) < vertices_of(kernel, np.arange(48))
    np.testing.assert_allclose(found, wanted, rtol=0.03)


def vertices_of(kernel, some):
    """How many vertices some pixels are left with."""
    points, ones = tf.constant(some, tf.int32), tf.ones([48, 1])
    _, restricted = kernel.restrict(points, tf.constant(np.isin(np.arange(48), some)), ones)
    return sum(len(part) for part in restricted.splat(tf.gather(ones, points)))
