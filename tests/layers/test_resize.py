import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.layers.resize import resize
from tests.layers.interp import interp, interp_matrix


@pytest.mark.parametrize(
    ("size_in", "size_out"),
    [
        ((41, 41), (321, 321)),  # zoom 8
        ((21, 21), (41, 41)),  # zoom 2
        ((31, 26), (41, 34)),  # shrink 3, zoom 4
        ((41, 65), (31, 49)),
        ((7, 10), (13, 4)),
        ((1, 1), (5, 3)),
        ((5, 6), (1, 1)),
        ((3, 4), (3, 4)),
    ],
)
def test_equals_caffe_interp(size_in, size_out):
    x = np.random.default_rng(0).normal(size=(2, *size_in, 3)).astype(np.float32)
    resized = resize(x, size_out)
    np.testing.assert_allclose(resized, interp(x, *size_out), atol=2e-5)
    assert resized.shape == (2, *size_out, 3)


def test_golden_arrays():
    x = np.array([[0, 3, 6, 9], [4, 7, 10, 13]], np.float32)[None, ..., None]
    up = [
        [0, 1.5, 3, 4.5, 6, 7.5, 9],
        [2, 3.5, 5, 6.5, 8, 9.5, 11],
        [4, 5.5, 7, 8.5, 10, 11.5, 13],
    ]
    np.testing.assert_allclose(resize(x, (3, 7))[0, ..., 0], up, rtol=1e-6)
    down = [[0, 4.5, 9], [4, 8.5, 13]]
    np.testing.assert_allclose(resize(x, (2, 3))[0, ..., 0], down, rtol=1e-6)


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_shrinking_by_a_whole_factor_is_sampling(factor):
    x = np.random.default_rng(1).uniform(0, 255, (1, 5 * factor + 1, 3 * factor + 1, 3))
    x = x.astype(np.float32)
    np.testing.assert_array_equal(resize(x, (6, 4)), x[:, ::factor, ::factor])
    zoomed = resize(x, (5 * factor * 3 + 1, 3 * factor * 3 + 1))
    np.testing.assert_allclose(zoomed[:, ::3, ::3], x, rtol=1e-4)


@pytest.mark.parametrize("dtype", [tf.uint8, tf.float16, tf.bfloat16, tf.int32])
def test_any_type_becomes_float32(dtype):
    resized = resize(tf.cast([[[[0], [8]]]], dtype), (1, 5))
    assert resized.dtype == tf.float32
    assert resized[0, 0, :, 0].numpy().tolist() == [0, 2, 4, 6, 8]


def test_gradient_is_the_transpose():
    x = tf.random.stateless_normal([1, 4, 5, 1], [1, 2])
    upstream = np.random.default_rng(2).normal(size=(1, 10, 9, 1)).astype(np.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(resize(x, (10, 9)) * upstream)
    rows, columns = interp_matrix(4, 10), interp_matrix(5, 9)
    wanted = rows.T @ upstream[0, ..., 0] @ columns
    np.testing.assert_allclose(tape.gradient(loss, x)[0, ..., 0], wanted, atol=1e-5)
