import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.layers.large_fov import LargeFOV

FEATURES = np.random.default_rng(0).uniform(size=(2, 9, 8, 6)).astype(np.float32)
SEEDS = tf.constant([[1, 2], [3, 4]])


def randomized(layer, inputs=FEATURES):
    """Builds the layer and gives it weights that leave nothing small."""
    layer(inputs)
    rng = np.random.default_rng(1)
    layer.set_weights([rng.normal(size=w.shape).astype(np.float32) for w in layer.get_weights()])
    return layer


def recomputed(layer, features=FEATURES):
    """The VGG form from TensorFlow's own operations and the layer's weights."""
    fc6, b6, fc7, b7, fc8, b8 = layer.get_weights()
    x = tf.constant(features)
    if layer.pool_rate:
        taps = layer.pool_rate * np.mgrid[-1:2, -1:2].reshape(2, -1).T
        x = sum(_shifted(features, *tap) for tap in taps) / 9
    x = tf.nn.relu(tf.nn.atrous_conv2d(x, fc6, layer.rate, "SAME") + b6)
    x = tf.nn.relu(tf.matmul(x, fc7[0, 0]) + b7)
    return tf.matmul(x, fc8[0, 0]) + b8


def _shifted(x, rows, columns):
    """x[y + rows, x + columns], zero outside."""
    height, width = x.shape[1:3]
    far = np.pad(x, [(0, 0), (height, height), (width, width), (0, 0)])
    top, left = np.clip([height + rows, width + columns], 0, [2 * height, 2 * width])
    return far[:, top : top + height, left : left + width]


@pytest.mark.parametrize(
    ("kernel_size", "rate", "pool_rate"),
    [(3, 12, 1), (3, 3, None), (3, 6, 2), (7, 4, 1), (4, 4, 1), (4, 8, None), (3, 1, 20)],
)
def test_vgg_form_equals_tensorflow_operations(kernel_size, rate, pool_rate):
    layer = LargeFOV(5, kernel_size, rate, filters=7, pool_rate=pool_rate)
    randomized(layer)
    np.testing.assert_allclose(layer(FEATURES), recomputed(layer), rtol=1e-4, atol=1e-3)


def test_resnet_form_is_one_convolution():
    layer = randomized(LargeFOV(5, 3, rate=6, filters=None))
    kernel, bias = layer.get_weights()
    assert kernel.shape == (3, 3, 6, 5)
    wanted = tf.nn.atrous_conv2d(FEATURES, kernel, 6, "SAME") + bias
    np.testing.assert_allclose(layer(FEATURES), wanted, rtol=1e-4, atol=1e-4)
    # Nothing to drop, and logits of any sign.
    trained = layer(FEATURES, training=True, seeds=SEEDS)
    np.testing.assert_array_equal(trained, layer(FEATURES))
    assert np.min(trained) < 0 < np.max(trained)


def test_names_and_first_weights():
    layer = LargeFOV(21, filters=40, suffix="_3")
    layer(FEATURES)
    convs = [*layer.hidden, layer.classifier]
    assert [conv.name for conv in convs] == ["fc6_3", "fc7_3", "fc8_3"]
    assert [dropout.name for dropout in layer.dropouts] == ["drop6_3", "drop7_3"]
    assert [w.shape for w in convs[0].get_weights()] == [(3, 3, 6, 40), (40,)]
    kernel, bias = layer.classifier.get_weights()
    assert abs(kernel.std() - 0.01) < 0.001
    assert not bias.any()
    head = LargeFOV(21, filters=None, suffix="_c0")
    assert head.classifier.name == "fc1_c0"


@pytest.mark.parametrize("dropout", [0.5, 0.25])
def test_dropout_after_fc6_and_fc7(dropout):
    layer = randomized(LargeFOV(5, rate=2, filters=7, dropout=dropout))
    fc6, b6, fc7, b7, fc8, b8 = layer.get_weights()
    x = tf.nn.relu(tf.nn.atrous_conv2d(FEATURES, fc6, 2, "SAME") + b6)
    x *= layer.dropouts[0](tf.ones_like(x), training=True, seeds=SEEDS)
    x = tf.nn.relu(tf.matmul(x, fc7[0, 0]) + b7)
    x *= layer.dropouts[1](tf.ones_like(x), training=True, seeds=SEEDS)
    wanted = tf.matmul(x, fc8[0, 0]) + b8
    found = layer(FEATURES, training=True, seeds=SEEDS)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-3)
    assert np.abs(found - layer(FEATURES)).max() > 1


def test_methods_agree():
    layers = [randomized(LargeFOV(5, method=m, filters=7)) for m in ("native", "interlace")]
    assert layers[1].hidden[0].method == "interlace"
    np.testing.assert_allclose(layers[0](FEATURES), layers[1](FEATURES), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("filters", [7, None])
def test_scores_are_float32_under_mixed_precision(filters):
    layer = LargeFOV(5, filters=filters, dtype="mixed_float16")
    logits = layer(FEATURES)
    assert logits.dtype == tf.float32
    assert layer.classifier.compute_dtype == "float32"
    if filters:
        assert layer.hidden[0](FEATURES).dtype == tf.float16
