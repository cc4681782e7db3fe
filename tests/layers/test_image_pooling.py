import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.layers import ImagePooling
from tests.layers.interp import interp

FEATURES = np.random.default_rng(0).normal(3, 2, size=(2, 9, 7, 6)).astype(np.float32)


def built(window, **options):
    layer = ImagePooling(4, window, **options)
    layer(FEATURES)
    rng = np.random.default_rng(1)
    layer.set_weights([rng.uniform(0.5, 1.5, size=w.shape) for w in layer.get_weights()])
    layer.projection.conv.kernel.assign(rng.normal(size=(1, 1, 6, 4)))
    return layer


def mixed(layer, averages):
    gamma, beta, mean, variance = layer.projection.norm.get_weights()
    outputs = averages @ layer.projection.conv.get_weights()[0][0, 0]
    return np.maximum(gamma * (outputs - mean) / np.sqrt(variance + 1e-5) + beta, 0)


def test_the_average_of_all_is_everywhere():
    layer = built(None)
    wanted = mixed(layer, FEATURES.mean(axis=(1, 2), keepdims=True))
    assert (wanted.std(axis=(0, 1, 2)) > 0).sum() > 1
    np.testing.assert_allclose(
        layer(FEATURES), np.broadcast_to(wanted, [2, 9, 7, 4]), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize(("window", "taps"), [(3, (3, 3)), (8, (8, 7)), (1, (1, 1)), (9, (9, 7))])
def test_windows_are_tensorflows_averages_zoomed(window, taps):
    """A window that is longer than a side is cut to it."""
    layer = built(window)
    averages = tf.nn.avg_pool2d(FEATURES, taps, 1, "VALID").numpy()
    wanted = interp(mixed(layer, averages), 9, 7)
    np.testing.assert_allclose(layer(FEATURES), wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("window", [None, 4, 100])
def test_sizes_may_be_unknown(window):
    layer = built(window)
    function = tf.function(layer, input_signature=[tf.TensorSpec([None, None, None, 6])])
    for part in (FEATURES, FEATURES[:1, :1, :2]):
        np.testing.assert_allclose(function(part), layer(part), rtol=1e-5, atol=1e-6)


def test_a_window_over_all_is_the_average_of_all():
    np.testing.assert_allclose(built(20)(FEATURES), built(None)(FEATURES), rtol=1e-5)


@pytest.mark.parametrize("window", [None, 100])
def test_averages_are_taken_in_full_precision(window):
    """The sum of these is 5 million, and float16 ends at 65504."""
    large = np.full([1, 90, 70, 6], 800, np.float32)
    half = built(window, dtype="mixed_float16")
    found = half(large)
    assert found.dtype == tf.float16
    wanted = built(window)(large)
    np.testing.assert_allclose(found, wanted, atol=2e-3 * np.max(wanted))


def test_no_window():
    with pytest.raises(ValueError, match=r"window must be at least 1.*Received: window=0"):
        ImagePooling(4, 0)
