import numpy as np
import pydensecrf.densecrf as densecrf
import pytest
import tensorflow as tf

from deeplab_tf.crf.kernels import LatticeFilter, SeparableFilter
from deeplab_tf.crf.permutohedral import build_lattice
from deeplab_tf.crf.simplex import find_simplexes


def points(count, dimensions, seed=0, spread=2.0):
    rng = np.random.default_rng(seed)
    return [rng.normal(0, spread, count).astype(np.float32) for _ in range(dimensions)]


def gaussian_sums(features, values):
    features = np.stack(features, axis=1).astype(float)
    distances = ((features[:, None] - features[None]) ** 2).sum(axis=-1)
    return np.exp(-0.5 * distances) @ values


def pydensecrf_sums(features, values):
    """Reads the filtered values out of one step of pydensecrf, up to a constant a point."""
    crf = densecrf.DenseCRF(len(values), values.shape[1])
    crf.setUnaryEnergy(np.ascontiguousarray(-np.log(values).T, dtype=np.float32))
    crf.addPairwiseEnergy(
        np.stack(features),
        1.0,
        kernel=densecrf.DIAG_KERNEL,
        normalization=densecrf.NO_NORMALIZATION,
    )
    marginals = np.array(crf.inference(1)).T
    return np.log(marginals) - np.log(values)


@pytest.mark.parametrize("dimensions", [2, 5])
def test_filter_is_that_of_pydensecrf(dimensions):
    features = points(400, dimensions, spread=1.5)
    values = np.random.default_rng(1).dirichlet(np.ones(3), 400).astype(np.float32)
    ours = LatticeFilter(build_lattice(features))(values).numpy()
    theirs = pydensecrf_sums(features, values)
    differences = ours[:, 1:] - ours[:, :1], theirs[:, 1:] - theirs[:, :1]
    np.testing.assert_allclose(*differences, atol=2e-4 * np.abs(differences[0]).max())


@pytest.mark.parametrize("dimensions", [2, 3, 5])
def test_filter_is_near_the_sum_over_all_pairs(dimensions):
    features = points(1500, dimensions, spread=1.0)
    values = np.random.default_rng(1).random((1500, 2)).astype(np.float32)
    # Normalised as in the CRF: the lattice's own factor cancels.
    values[:, 0] = 1
    ours = LatticeFilter(build_lattice(features))(values).numpy()
    exact = gaussian_sums(features, values)
    error = np.abs(ours[:, 1] / ours[:, 0] - exact[:, 1] / exact[:, 0])
    assert error.mean() < 0.03


def test_weights_are_barycentric_coordinates():
    weights = np.stack(find_simplexes(points(1000, 5)).weights)
    np.testing.assert_allclose(weights.sum(axis=0), 1, atol=1e-5)
    assert weights.min() > -1e-5


def test_moving_all_points_alike_keeps_the_neighbours():
    # By whole lattice steps, so that every point stays where it is in its simplex.
    features = points(300, 2)
    step = 10 * 3 / (np.sqrt(2 / 3) * 3 / np.sqrt(2)) / 2
    moved = [features[0] + np.float32(step * 2), features[1]]
    here, there = build_lattice(features), build_lattice(moved)
    assert int(here.size) == int(there.size)
    assert [len(e) for e in here.edges] == [len(e) for e in there.edges]


def test_equal_points_share_their_corners():
    features = [np.repeat(f, 4) for f in points(50, 5)]
    corners = build_lattice(features).corners.numpy().reshape(50, 4, 6)
    assert (corners == corners[:, :1]).all()


def test_gradient_is_the_transposed_map():
    features = points(200, 5, spread=0.7)
    linear = LatticeFilter(build_lattice(features))
    rng = np.random.default_rng(2)
    x, y = (tf.constant(rng.normal(size=(200, 3)), tf.float32) for _ in range(2))
    with tf.GradientTape() as tape:
        tape.watch(x)
        product = tf.reduce_sum(linear(x) * y)
    gradient = tape.gradient(product, x)
    np.testing.assert_allclose(tf.reduce_sum(gradient * x), product, rtol=1e-4)
    columns = [tf.reduce_sum(linear(e[:, None]) * y[:, :1]) for e in tf.eye(200)[:5]]
    np.testing.assert_allclose(gradient[:5, 0], columns, atol=1e-4)


@pytest.mark.parametrize("size", [(1, 1), (1, 6), (5, 9)])
def test_separable_filter_is_the_sum_over_all_pairs(size):
    y, x = np.indices(size).reshape(2, -1).astype(np.float32)
    values = np.random.default_rng(0).random((x.size, 3)).astype(np.float32)
    ours = SeparableFilter(*size, sigma=1.7)(values)
    np.testing.assert_allclose(ours, gaussian_sums([x / 1.7, y / 1.7], values), rtol=2e-3)


@pytest.mark.parametrize("kind", ["lattice", "separable"])
def test_restricted_filter_lets_some_points_change(kind):
    y, x = np.indices((6, 8)).reshape(2, -1).astype(np.float32)
    linear = SeparableFilter(6, 8, sigma=1.5)
    if kind == "lattice":
        linear = LatticeFilter(build_lattice([x / 1.5, y / 1.5]))
    rng = np.random.default_rng(0)
    old, new = (rng.random((48, 2)).astype(np.float32) for _ in range(2))
    some = np.array([3, 4, 17, 40], np.int32)
    mixed = old.copy()
    mixed[some] = new[some]
    restricted = linear.restrict(tf.constant(some), tf.constant(old))
    np.testing.assert_allclose(
        restricted(tf.constant(new[some])), linear(mixed).numpy()[some], rtol=1e-5
    )
