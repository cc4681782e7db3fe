import keras
import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf import compat
from deeplab_tf.layers import ASPPv3, EncoderDecoder, PyramidClassifier
from tests.layers.interp import interp

RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(2, 9, 8, 6)).astype(np.float32)
DETAILS = RNG.normal(size=(2, 17, 15, 5)).astype(np.float32)
SEEDS = tf.constant([[1, 2], [3, 4]])


def randomized(layer, inputs=FEATURES):
    layer(inputs)
    rng = np.random.default_rng(1)
    layer.set_weights([rng.uniform(-0.5, 1, size=w.shape) ** 2 for w in layer.get_weights()])
    for part in compat.leaf_layers(layer):
        if part.name != "logits" and hasattr(part, "kernel"):
            part.kernel.assign(rng.normal(size=part.kernel.shape))
    return layer


def conv(layer, x, rate=1):
    """Convolution, normalisation and ReLU of a `ConvNormAct` in TensorFlow's own operations."""
    gamma, beta, mean, variance = layer.norm.get_weights()
    kernel = layer.conv.get_weights()[0]
    if layer.filters is None:
        x = tf.nn.depthwise_conv2d(x, kernel, [1, 1, 1, 1], "SAME", dilations=[rate, rate])
    else:
        x = tf.nn.atrous_conv2d(x, kernel, rate, "SAME")
    return tf.nn.relu(tf.nn.batch_normalization(x, mean, variance, beta, gamma, 1e-5))


def conv3x3(layer, x, rate=1):
    if hasattr(layer, "depthwise"):
        return conv(layer.pointwise, conv(layer.depthwise, x, rate))
    return conv(layer, x, rate)


def pyramid(layer, x):
    """The released order: image pooling, 1x1, then the rates."""
    parts = [conv(layer.branches[0], x)]
    parts += [conv3x3(b, x, r) for b, r in zip(layer.branches[1:], layer.rates, strict=True)]
    if layer.pooling is not None:
        pooled = conv(layer.pooling.projection, x.mean(axis=(1, 2), keepdims=True))
        parts = [np.broadcast_to(pooled, parts[0].shape), *parts]
    return conv(layer.projection, tf.concat(parts, axis=-1))


def assert_near(found, wanted):
    wanted = np.asarray(wanted)
    assert wanted.std() > 0.1
    np.testing.assert_allclose(found / wanted.std(), wanted / wanted.std(), atol=1e-5)


OPTIONS = [{}, {"separable": True}, {"image_pooling": "none"}, {"rates": (2, 5)}]


@pytest.mark.parametrize("options", OPTIONS)
def test_pyramid_equals_tensorflow_operations(options):
    layer = randomized(ASPPv3(filters=7, **options))
    assert_near(layer(FEATURES), pyramid(layer, FEATURES))


@pytest.mark.parametrize("options", OPTIONS[:2])
def test_decoder_equals_tensorflow_operations(options):
    layer = randomized(
        EncoderDecoder(3, filters=7, low_level_filters=4, **options), [FEATURES, DETAILS]
    )
    zoomed = interp(np.asarray(pyramid(layer.encoder, FEATURES)), 17, 15)
    details = conv(layer.low_level_projection, DETAILS)
    x = tf.concat([zoomed.astype(np.float32), details], axis=-1)
    for part in layer.refinement:
        x = conv3x3(part, x)
    kernel, bias = layer.classifier.get_weights()
    assert_near(layer([FEATURES, DETAILS]), x @ kernel[0, 0] + bias)


@pytest.mark.parametrize("separable", [False, True])
def test_names_are_those_of_the_released_networks(separable):
    """Facts 6.3, with `decoder/` and `/semantic` left out."""
    layer = EncoderDecoder(3, filters=7, separable=separable)
    layer([FEATURES, DETAILS])
    parts = ("_depthwise", "_pointwise") if separable else ("",)
    wanted = {"image_pooling", "aspp0", "concat_projection", "feature_projection0"}
    for name in ("aspp1", "aspp2", "aspp3", "decoder_conv0", "decoder_conv1"):
        wanted |= {name + part for part in parts}
    leaves = [part for part in compat.leaf_layers(layer) if part.weights]
    names = [part.name for part in leaves]
    assert set(names) == wanted | {f"{name}_norm" for name in wanted} | {"logits"}
    assert len(set(names)) == len(names)
    norms = [part for part in leaves if part.name.endswith("_norm")]
    assert {(part.momentum, part.epsilon) for part in norms} == {(0.9997, 1e-5)}


def test_dropout_is_of_the_projection():
    layer = randomized(ASPPv3(filters=50, dropout=0.4, batch_norm="frozen"))
    plain = layer(FEATURES).numpy()
    dropped = layer(FEATURES, training=True, seeds=SEEDS).numpy()
    np.testing.assert_array_equal(dropped, layer(FEATURES, training=True, seeds=SEEDS))
    kept = dropped != 0
    np.testing.assert_allclose(dropped[kept], plain[kept] / 0.6, rtol=1e-6)
    assert abs(np.mean(kept[plain != 0]) - 0.6) < 0.05
    np.testing.assert_array_equal(layer(FEATURES, training=False, seeds=SEEDS), plain)


@pytest.mark.slow
@pytest.mark.parametrize("batch_norm", ["frozen", "train"])
def test_statistics_move_in_training_only(batch_norm):
    layer = randomized(EncoderDecoder(3, filters=7, batch_norm=batch_norm), [FEATURES, DETAILS])
    statistics = [v for v in layer.weights if "moving" in v.name]
    before = [v.numpy() for v in statistics]
    for training in (None, False):
        layer([FEATURES, DETAILS], training=training)
        tf.function(layer)([FEATURES, DETAILS], training=training)
    for variable, value in zip(statistics, before, strict=True):
        np.testing.assert_array_equal(variable, value)
    layer([FEATURES, DETAILS], training=True)
    moved = [bool(np.any(v.numpy() != b)) for v, b in zip(statistics, before, strict=True)]
    assert len(moved) == 2 * 9 and set(moved) == {batch_norm == "train"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", [ASPPv3, PyramidClassifier, EncoderDecoder])
def test_config_rebuilds_the_layer(kind):
    options = {"rates": (2, 3), "filters": 7, "image_pooling": 5, "separable": True}
    classes = {} if kind is ASPPv3 else {"num_classes": 3}
    inputs = [FEATURES, DETAILS] if kind is EncoderDecoder else FEATURES
    layer = randomized(kind(**classes, **options, name="one"), inputs)
    copy = keras.layers.deserialize(keras.layers.serialize(layer))
    copy(inputs)
    copy.set_weights(layer.get_weights())
    np.testing.assert_array_equal(copy(inputs), layer(inputs))
    assert copy.name == "one"
