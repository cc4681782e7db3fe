import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.layers.caffe_pool import CaffePool2D


def random(*shape):
    return np.random.default_rng(shape).uniform(size=shape).astype(np.float32)


def caffe_pool(plane, mode, size, stride):
    """Caffe's pooling of one plane, as its pooling layer defines it, with pad (size - 1) / 2."""
    pad = (size - 1) // 2
    counts = [-(-(side + 2 * pad - size) // stride) + 1 for side in plane.shape]
    counts = [
        count - (pad > 0 and (count - 1) * stride >= side + pad)
        for count, side in zip(counts, plane.shape, strict=True)
    ]
    result = np.zeros(counts)
    for y, x in np.ndindex(*counts):
        top, left = y * stride - pad, x * stride - pad
        bottom, right = (
            min(top + size, plane.shape[0] + pad),
            min(left + size, plane.shape[1] + pad),
        )
        area = (bottom - top) * (right - left)
        window = plane[max(top, 0) : bottom, max(left, 0) : right]
        result[y, x] = window.max() if mode == "max" else window.sum() / area
    return result


def caffe_pool_batch(x, mode, size, stride):
    planes = [[caffe_pool(p, mode, size, stride) for p in np.moveaxis(i, -1, 0)] for i in x]
    return np.moveaxis(np.array(planes), 1, -1)


@pytest.mark.parametrize("mode", ["max", "average"])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("sides", [(9, 13), (1, 5), (1, 1), (3, 3)])
def test_equals_caffe_on_odd_sizes(mode, stride, sides):
    x = random(2, *sides, 3)
    pooled = CaffePool2D(mode, strides=stride)(x)
    np.testing.assert_allclose(pooled, caffe_pool_batch(x, mode, 3, stride), rtol=1e-6)


@pytest.mark.parametrize("sides", [(8, 10), (6, 9), (2, 4)])
def test_even_sizes_lack_only_the_extra_window_of_caffe(sides):
    x = random(1, *sides, 2)
    pooled = CaffePool2D("max", strides=2)(x).numpy()
    wanted = caffe_pool_batch(x, "max", 3, 2)
    assert pooled.shape[1:3] == tuple(-(-side // 2) for side in sides)
    np.testing.assert_array_equal(pooled, wanted[:, : pooled.shape[1], : pooled.shape[2]])
    np.testing.assert_allclose(CaffePool2D("max")(x), caffe_pool_batch(x, "max", 3, 1))


def test_average_divides_by_the_full_window():
    pooled = CaffePool2D("average")(tf.ones([1, 3, 4, 1]))[0, ..., 0]
    edge = [4 / 9, 6 / 9, 6 / 9, 4 / 9]
    np.testing.assert_allclose(pooled, [edge, [6 / 9, 1, 1, 6 / 9], edge], rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["max", "average"])
@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("rate", [2, 4, 7])
@pytest.mark.parametrize("sides", [(9, 6), (5, 1)])
def test_dilation(mode, size, rate, sides):
    x = random(2, *sides, 3)
    total = (size - 1) * rate
    before, after = total // 2, total - total // 2
    padded = np.pad(x, [(0, 0), (before, after), (before, after), (0, 0)])
    taps = [
        padded[:, dy : dy + sides[0], dx : dx + sides[1]]
        for dy in range(0, total + 1, rate)
        for dx in range(0, total + 1, rate)
    ]
    wanted = np.max(taps, axis=0) if mode == "max" else np.sum(taps, axis=0) / size**2
    layer = CaffePool2D(mode, pool_size=size, dilation_rate=rate)
    np.testing.assert_allclose(layer(x), wanted, rtol=1e-6)

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3])])
    def traced(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            pooled = layer(x)
        return pooled, tape.gradient(pooled, x)

    pooled, gradient = traced(x)
    np.testing.assert_allclose(pooled, wanted, rtol=1e-6)
    if mode == "max":  # every window passes its gradient to one pixel, or to the padding
        assert np.sum(gradient) == np.sum(wanted > 0)


def test_clear_errors():
    with pytest.raises(ValueError, match=r"mode must be.*Received: mode='ave'"):
        CaffePool2D("ave")
    with pytest.raises(ValueError, match="stride cannot be combined"):
        CaffePool2D(strides=2, dilation_rate=2)
