"""The prototype of Winograd's convolution."""

import numpy as np
import pytest
import tensorflow as tf

from benchmarks import winograd


@pytest.mark.parametrize("size", [(4, 8), (5, 7), (1, 13)])
def test_it_is_the_convolution(size):
    rng = np.random.default_rng(0)
    images = tf.constant(rng.normal(size=[2, *size, 3]), tf.float32)
    kernel = rng.normal(size=[3, 3, 3, 5]).astype(np.float32)
    found = winograd.convolve(images, tf.constant(winograd.transform_kernel(kernel)))
    np.testing.assert_allclose(found, tf.nn.conv2d(images, kernel, 1, "SAME"), atol=1e-4)


@pytest.mark.slow
def test_all_forms_are_timed():
    (row,) = winograd.run(1, [(1, 9, 4)])["rows"]
    assert list(row["seconds"]) == ["convolution", "stock operations", "XLA", "products"]
    assert min(row["seconds"].values()) > 0 and 0 < row["error"] < 1e-4
