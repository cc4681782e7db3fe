import numpy as np
import pydensecrf.densecrf as densecrf
import pytest
import tensorflow as tf

from deeplab_tf.crf.lattice.build_lattice import build_lattice
from deeplab_tf.crf.lattice.kernel import LatticeKernel
from tests.crf.lattice.points import gaussian_sums, points


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
