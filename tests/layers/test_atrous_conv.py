import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.signal import convolve2d, correlate2d

from deeplab_tf import compat
from deeplab_tf.layers import split_conv
from deeplab_tf.layers.atrous_conv import METHODS, AtrousConv2D

IN, OUT = 3, 4
# Height, width, taps along a side, rate.
CASES = [
    (9, 7, 3, 2),
    (8, 10, 3, 2),
    (12, 7, 3, 5),
    (5, 6, 3, 12),
    (1, 1, 3, 4),
    (1, 8, 7, 4),
    (13, 11, 4, 4),
    (12, 9, 4, 8),
    (7, 8, 4, 3),
    (6, 5, 2, 1),
    (6, 9, 5, 1),
    (4, 5, 1, 3),
]


def random(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype(np.float32)


def holed(kernel, rate):
    """The kernel with rate - 1 zeros between two taps."""
    side = (len(kernel) - 1) * rate + 1
    result = np.zeros((side, side, *kernel.shape[2:]))
    result[::rate, ::rate] = kernel
    return result


def brute_force(x, kernel, rate):
    """Cross-correlation with zeros on all sides, the odd one below and to the right."""
    total = (len(kernel) - 1) * rate
    before, after = total // 2, total - total // 2
    padded = np.pad(x.astype(float), [(0, 0), (before, after), (before, after), (0, 0)])
    kernel = holed(kernel, rate)
    maps = [
        [
            sum(correlate2d(p[..., i], kernel[..., i, o], "valid") for i in range(kernel.shape[2]))
            for o in range(kernel.shape[3])
        ]
        for p in padded
    ]
    return np.moveaxis(np.array(maps), 1, -1)


def brute_force_gradients(x, kernel, rate, upstream):
    """Gradients of sum(output * upstream) with respect to the input and the kernel."""
    (size, _, channels, filters), (height, width) = kernel.shape, x.shape[1:3]
    total = (size - 1) * rate
    before, after = total // 2, total - total // 2
    padded = np.pad(x.astype(float), [(0, 0), (before, after), (before, after), (0, 0)])
    wide = holed(kernel, rate)
    d_input, d_kernel = np.zeros(x.shape), np.zeros(kernel.shape)
    for b in range(len(x)):
        for i in range(channels):
            for o in range(filters):
                spread = convolve2d(upstream[b, ..., o], wide[..., i, o], "full")
                d_input[b, ..., i] += spread[before : before + height, before : before + width]
                seen = correlate2d(padded[b, ..., i], upstream[b, ..., o], "valid")
                d_kernel[..., i, o] += seen[::rate, ::rate]
    return d_input, d_kernel


def layer_with(kernel, rate, method, **options):
    layer = AtrousConv2D(kernel.shape[-1], len(kernel), rate, method, use_bias=False, **options)
    layer.build((None, None, None, kernel.shape[-2]))
    layer.set_weights([kernel])
    return layer


def outputs_and_gradients(layer, x, upstream):
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = layer(x)
        loss = tf.reduce_sum(outputs * upstream)
    return [outputs, *tape.gradient(loss, [x, *layer.trainable_variables])]


@pytest.mark.parametrize(("height", "width", "size", "rate"), CASES)
def test_both_methods_and_brute_force_agree(height, width, size, rate):
    x, kernel = random(2, height, width, IN), random(size, size, IN, OUT)
    upstream = random(2, height, width, OUT)
    wanted = [brute_force(x, kernel, rate), *brute_force_gradients(x, kernel, rate, upstream)]
    for method in METHODS:
        found = outputs_and_gradients(layer_with(kernel, rate, method), x, upstream)
        for one, other in zip(found, wanted, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("height", "width", "size", "rate"), CASES)
def test_agrees_with_keras(height, width, size, rate, method):
    x, kernel, bias = random(2, height, width, IN), random(size, size, IN, OUT), random(OUT)
    upstream = random(2, height, width, OUT)
    theirs = keras.layers.Conv2D(OUT, size, dilation_rate=rate, padding="same", activation="relu")
    theirs.build((None, None, None, IN))
    ours = AtrousConv2D(OUT, size, rate, method, activation="relu")
    ours.build((None, None, None, IN))
    for layer in (theirs, ours):
        layer.set_weights([kernel, bias])
    found = outputs_and_gradients(ours, x, upstream)
    wanted = outputs_and_gradients(theirs, x, upstream)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def operations(function, *arguments):
    """Every operation of the traced graph, function bodies included."""
    definition = tf.function(function).get_concrete_function(*arguments).graph.as_graph_def()
    return [n for f in definition.library.function for n in f.node_def] + list(definition.node)


def forward_and_backward(layer):
    def gradients(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(layer(x) ** 2)
        return tape.gradient(loss, [x, *layer.trainable_variables])

    return gradients


@pytest.mark.parametrize("size", [3, 4])
@pytest.mark.parametrize("sides", [[41, 33], [None, None]])
def test_operations_of_the_native_method(size, sides):
    layer = layer_with(random(size, size, IN, OUT), 12, "native")
    images = tf.TensorSpec([1, *sides, IN])
    nodes = operations(layer, images)
    (conv,) = [node for node in nodes if "Conv" in node.op]
    assert conv.op == "Conv2D"
    assert list(conv.attr["dilations"].list.i) == [1, 12, 12, 1]
    for node in nodes + operations(forward_and_backward(layer), images):
        assert "SpaceToBatch" not in node.op and "BatchToSpace" not in node.op


@pytest.mark.parametrize("size", [3, 4])
@pytest.mark.parametrize("sides", [[41, 33], [None, None]])
def test_operations_of_the_interlace_method(size, sides):
    layer = layer_with(random(size, size, IN, OUT), 12, "interlace")
    nodes = operations(layer, tf.TensorSpec([1, *sides, IN]))
    (conv,) = [node for node in nodes if "Conv" in node.op]
    assert list(conv.attr["dilations"].list.i) == [1, 1, 1, 1]
    kinds = [node.op for node in nodes]
    assert kinds.count("SpaceToBatchND") == kinds.count("BatchToSpaceND") == 1


@pytest.mark.parametrize(("height", "width", "size", "rate"), CASES)
def test_one_image_in_halves_equals_the_whole(height, width, size, rate, monkeypatch):
    x, kernel = random(1, height, width, IN), random(size, size, IN, OUT)
    upstream = random(1, height, width, OUT)
    layer = layer_with(kernel, rate, "native")
    wanted = [brute_force(x, kernel, rate), *brute_force_gradients(x, kernel, rate, upstream)]
    monkeypatch.setattr(split_conv, "_WIDE", 1)
    monkeypatch.setattr(compat, "one_image_is_slow", lambda: True)
    monkeypatch.setattr(split_conv, "halves_gain", lambda: 2.0)
    found = outputs_and_gradients(layer, x, upstream)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
    kinds = [node.op for node in operations(layer, tf.TensorSpec([1, None, None, IN]))]
    assert kinds.count("ConcatV2") == (size > 1)
    monkeypatch.setattr(split_conv, "halves_gain", lambda: 1.0)
    kinds = [node.op for node in operations(layer, tf.TensorSpec([1, None, None, IN]))]
    assert kinds.count("ConcatV2") == 0


def test_the_gain_of_halves_is_measured_while_a_graph_is_built():
    split_conv.halves_gain.cache_clear()
    gains = []

    @tf.function(autograph=False)
    def graph():
        gains.append(split_conv.halves_gain())
        return tf.zeros([])

    graph()
    assert 0 < gains[0] < 100 and gains[0] == split_conv.halves_gain()


@pytest.mark.parametrize("size", [3, 4])
def test_second_order_gradients_agree(size):
    x, kernel = tf.constant(random(1, 7, 6, IN)), random(size, size, IN, OUT)

    def second_order(method):
        layer = layer_with(kernel, 3, method)
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                loss = tf.reduce_mean(layer(x) ** 3)
            d_x, d_kernel = inner.gradient(loss, [x, *layer.trainable_variables])
            norm = tf.reduce_sum(d_x**2) + tf.reduce_sum(d_kernel**2)
        return outer.gradient(norm, [x, *layer.trainable_variables])

    for one, other in zip(second_order("native"), second_order("interlace"), strict=True):
        assert np.abs(one).max() > 0.01
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(9, 17), (8, 16), (10, 7), (1, 2)])
@pytest.mark.parametrize(("size", "strides"), [(3, 2), (7, 2), (3, 8), (1, 2), (4, 2)])
def test_strides_pad_evenly_on_all_sides(height, width, size, strides):
    x, kernel, bias = random(2, height, width, IN), random(size, size, IN, OUT), random(OUT)
    total = size - 1
    sides = (total // 2, total - total // 2)
    padded = keras.layers.ZeroPadding2D((sides, sides))(x)
    conv = keras.layers.Conv2D(OUT, size, strides=strides)
    conv.build(padded.shape)
    ours = AtrousConv2D(OUT, size, strides=strides)
    ours.build(x.shape)
    for layer in (conv, ours):
        layer.set_weights([kernel, bias])
    found = ours(x)
    np.testing.assert_allclose(found, conv(padded), rtol=1e-5, atol=1e-5)
    assert found.shape == ours.compute_output_shape(x.shape)
    assert found.shape[1:3] == (-(-height // strides), -(-width // strides))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("channels", [IN, 8 * OUT])  # the second as of a classifier
@pytest.mark.parametrize(("size", "rate"), [(1, 1), (3, 1), (3, 2), (4, 3), (3, 12)])
def test_gradients_in_16_bits_are_near_the_exact_ones(policy, channels, size, rate):
    x, kernel = random(2, 9, 7, channels), random(size, size, channels, OUT)
    upstream = random(2, 9, 7, OUT, seed=1)
    layer = layer_with(kernel, rate, "native", dtype=policy)
    half = policy.removeprefix("mixed_")
    found = outputs_and_gradients(layer, tf.cast(x, half), tf.cast(upstream, half))
    wanted = [brute_force(x, kernel, rate), *brute_force_gradients(x, kernel, rate, upstream)]
    for got, exact in zip(found, wanted, strict=True):
        difference = tf.cast(got, tf.float32) - exact
        assert np.linalg.norm(difference) < 0.01 * np.linalg.norm(exact)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("policy", ["float16", "mixed_float16", "mixed_bfloat16"])
def test_half_precision(method, policy):
    x, kernel = random(1, 9, 8, IN), random(3, 3, IN, OUT)
    layer = layer_with(kernel, 2, method, dtype=policy)
    half = policy.split("_")[-1]
    x = tf.cast(x, half)
    with tf.GradientTape() as tape:
        outputs = layer(x)
        loss = tf.reduce_sum(outputs)
    assert outputs.dtype == half
    wanted = brute_force(tf.cast(x, tf.float32).numpy(), kernel, 2)
    np.testing.assert_allclose(tf.cast(outputs, tf.float32), wanted, atol=0.1)
    (gradient,) = tape.gradient(loss, layer.trainable_variables)
    assert gradient.dtype == layer.trainable_variables[0].dtype
    assert np.isfinite(tf.cast(gradient, tf.float32)).all()


@pytest.mark.parametrize("method", METHODS)
def test_sizes_unknown_while_tracing(method):
    layer = layer_with(random(3, 3, IN, OUT), 4, method)
    shapes = []

    @tf.function(input_signature=[tf.TensorSpec([None, None, 8, IN])])
    def traced(x):
        outputs = layer(x)
        shapes.append(outputs.shape.as_list())
        return outputs

    for height in (1, 5, 12):
        x = random(2, height, 8, IN)
        np.testing.assert_allclose(traced(x), layer(x), rtol=1e-5, atol=1e-5)
    assert shapes == [[None, None, 8, OUT]]


def test_clear_errors():
    with pytest.raises(ValueError, match=r"method must be one of .*'native'.*Received.*'holes'"):
        AtrousConv2D(4, 3, method="holes")
    with pytest.raises(ValueError, match="at least 1"):
        AtrousConv2D(4, 3, dilation_rate=0)
    with pytest.raises(ValueError, match="stride cannot be combined"):
        AtrousConv2D(4, 3, dilation_rate=2, strides=2)
