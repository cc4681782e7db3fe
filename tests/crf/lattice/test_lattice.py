import numpy as np
import pydensecrf.densecrf as densecrf
import pytest
import tensorflow as tf

from deeplab_tf.crf.lattice.build import build_lattice
from deeplab_tf.crf.lattice.kernel import LatticeKernel
from deeplab_tf.crf.lattice.simplex import find_simplexes
from deeplab_tf.crf.separable_kernel import SeparableKernel


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


def lattice_filter(features):
    """Returns the unnormalised filter, [N, K] to [N, K]."""
    kernel = LatticeKernel(build_lattice(features), 1.0, "none", columns=9)
    return lambda values: tf.add_n(kernel(values))


@pytest.mark.parametrize("dimensions", [2, 5])
def test_filter_is_that_of_pydensecrf(dimensions):
    features = points(400, dimensions, spread=1.5)
    values = np.random.default_rng(1).dirichlet(np.ones(3), 400).astype(np.float32)
    ours = lattice_filter(features)(values).numpy()
    theirs = pydensecrf_sums(features, values)
    differences = ours[:, 1:] - ours[:, :1], theirs[:, 1:] - theirs[:, :1]
    np.testing.assert_allclose(*differences, atol=2e-4 * np.abs(differences[0]).max())


@pytest.mark.parametrize("dimensions", [2, 3, 5])
def test_filter_is_near_the_sum_over_all_pairs(dimensions):
    features = points(1500, dimensions, spread=1.0)
    values = np.random.default_rng(1).random((1500, 2)).astype(np.float32)
    # Normalised as in the CRF: the lattice's own factor cancels.
    values[:, 0] = 1
    ours = lattice_filter(features)(values).numpy()
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
    assert [int(size) for size in here.sizes] == [int(size) for size in there.sizes]
    assert [len(e) for e in here.edges] == [len(e) for e in there.edges]


def test_equal_points_share_their_corners():
    features = [np.repeat(f, 4) for f in points(50, 5)]
    vertices = np.stack(build_lattice(features).vertices).reshape(2, 50, 4, 3)
    assert (vertices == vertices[:, :, :1]).all()


@pytest.mark.parametrize("dimensions", [2, 3, 5])
def test_every_corner_is_touched_and_neighbours_are_those_a_step_away(dimensions):
    features = points(200, dimensions, spread=0.7)
    lattice, simplexes = build_lattice(features), find_simplexes(features)
    parts = [{} for _ in lattice.sizes]  # a vertex's place by its number
    for r, keys in enumerate(simplexes.keys):
        numbers = lattice.vertices[r % len(parts)][:, r // len(parts)]
        for number, key in zip(numbers.numpy().tolist(), keys.numpy().tolist(), strict=True):
            assert parts[r % len(parts)].setdefault(number, (r, key)) == (r, key)
    assert [sorted(part) for part in parts] == [list(range(size)) for size in lattice.sizes]
    steps = [*(int(stride) for stride in simplexes.strides), 0]
    for axis, edges in enumerate(lattice.edges):
        found = {frozenset((parts[0][a], parts[-1][b])) for a, b in edges.numpy().tolist()}
        everywhere = {place for part in parts for place in part.values()}
        expected = set()
        for r, key in everywhere:
            lower = (r - 1) % (dimensions + 1)
            step = steps[axis] - (0 if r else sum(steps))
            if (lower, key + step) in everywhere:
                expected.add(frozenset(((r, key), (lower, key + step))))
        assert found == expected and len(found) == len(edges) > 0


def test_points_on_the_grid_of_the_lattice_weigh_one_corner():
    weights = np.stack(find_simplexes([np.zeros(3, np.float32)] * 5).weights)
    np.testing.assert_allclose(weights, np.eye(6)[:, :1].repeat(3, axis=1), atol=1e-8)


def test_gradient_is_the_transposed_map():
    features = points(200, 5, spread=0.7)
    linear = lattice_filter(features)
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
    return sum(len(part) for part in restricted._to_corners(tf.gather(ones, points)))
