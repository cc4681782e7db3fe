import numpy as np

from deeplab_tf.crf.lattice.simplex import find_simplexes
from tests.crf.lattice.points import points


def test_weights_are_barycentric_coordinates():
    weights = np.stack(find_simplexes(points(1000, 5)).weights)
    np.testing.assert_allclose(weights.sum(axis=0), 1, atol=1e-5)
    assert weights.min() > -1e-5


def test_points_on_the_grid_of_the_lattice_weigh_one_vertex():
    weights = np.stack(find_simplexes([np.zeros(3, np.float32)] * 5).weights)
    np.testing.assert_allclose(weights, np.eye(6)[:, :1].repeat(3, axis=1), atol=1e-8)
