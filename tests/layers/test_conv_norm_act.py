"""Every form against plain Keras layers, whose padding agrees where the stride is 1."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf import compat
from deeplab_tf.export.fold import folded
from deeplab_tf.layers import (
    AtrousDepthwiseConv2D,
    ConvNormAct,
    FrozenBatchNormalization,
    SeparableConvNormAct,
)
from deeplab_tf.models.deeplab import DeepLab

INPUTS = np.random.default_rng(0).normal(size=(2, 9, 8, 6)).astype(np.float32)
STATISTICS = {"momentum": 0.9, "epsilon": 1e-3}
BATCH_NORMS = ("frozen", "train", "sync")
FORMS = {
    "full": {"filters": 5, "kernel_size": 3},
    "pointwise": {"filters": 5, "kernel_size": 1},
    "atrous": {"filters": 5, "kernel_size": 3, "dilation_rate": 3},
    "interlaced": {"filters": 5, "kernel_size": 3, "dilation_rate": 2, "method": "interlace"},
    "depthwise": {"filters": None, "kernel_size": 3},
    "depthwise_atrous": {"filters": None, "kernel_size": 3, "dilation_rate": 2},
}


def randomized(layer, inputs=INPUTS):
    """Builds a layer and gives it weights that hide no factor."""
    layer(inputs)
    rng = np.random.default_rng(1)
    layer.set_weights([rng.uniform(0.3, 1.3, w.shape) for w in layer.get_weights()])
    return layer


def plain_conv(filters, kernel_size, dilation_rate=1, **_):
    options = {"dilation_rate": dilation_rate, "padding": "same", "use_bias": False}
    if filters is None:
        return keras.layers.DepthwiseConv2D(kernel_size, **options)
    return keras.layers.Conv2D(filters, kernel_size, **options)


def plain_layers(layer, inputs=INPUTS, **form):
    """The same of Keras' own layers, with the same weights.

    Keras 2 estimates the variance with n - 1, but with n where it is synchronized.
    """
    options = {"synchronized": True} if layer.batch_norm == "sync" else {}
    conv, norm = plain_conv(**form), keras.layers.BatchNormalization(**STATISTICS, **options)
    norm(conv(inputs))
    conv.set_weights(layer.conv.get_weights())
    norm.set_weights(layer.norm.get_weights())
    return conv, norm


def results(call, variables):
    """Outputs, and gradients of a loss that is not the same for all outputs."""
    inputs = tf.constant(INPUTS)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = call(inputs)
        weights = tf.reshape(tf.range(tf.size(outputs), dtype=tf.float32), tf.shape(outputs))
        loss = tf.reduce_sum(outputs * tf.sin(weights))
    return outputs, tape.gradient(loss, [inputs, *variables])


def assert_all_close(found, wanted):
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("activation", [None, "relu", "relu6", "swish"])
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_inference_equals_plain_layers(form, activation):
    layer = randomized(ConvNormAct(**form, activation=activation, **STATISTICS))
    conv, norm = plain_layers(layer, **form)
    wanted = keras.activations.get(activation)(norm(conv(INPUTS), training=False))
    np.testing.assert_allclose(layer(INPUTS), wanted, rtol=1e-4, atol=1e-4)
    # Frozen is frozen in training too.
    np.testing.assert_array_equal(layer(INPUTS, training=True), layer(INPUTS))


@pytest.mark.parametrize("batch_norm", ["train", "sync"])
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_training_equals_plain_layers(form, batch_norm):
    """Outputs, gradients and statistics of a step in training, and the inference after it."""
    layer = randomized(ConvNormAct(**form, batch_norm=batch_norm, **STATISTICS))
    conv, norm = plain_layers(layer, **form)

    def plain(inputs, training=True):
        return tf.nn.relu(norm(conv(inputs), training=training))

    own = [compat.tf_variable(v) for v in layer.trainable_variables]
    theirs = [compat.tf_variable(v) for v in (*conv.weights, norm.gamma, norm.beta)]
    outputs, gradients = results(lambda x: layer(x, training=True), own)
    wanted, wanted_gradients = results(plain, theirs)
    assert len(gradients) == 4  # of the input, the kernel, gamma and beta
    assert_all_close([outputs, *gradients], [wanted, *wanted_gradients])
    assert_all_close(layer.norm.get_weights(), norm.get_weights())
    assert np.abs(norm.moving_mean - np.ones(1)).max() > 0.01
    assert_all_close([layer(INPUTS)], [plain(INPUTS, training=False)])


@pytest.mark.parametrize("batch_norm", BATCH_NORMS)
def test_what_is_trained(batch_norm):
    layer = randomized(ConvNormAct(5, 3, batch_norm=batch_norm))
    before = layer.get_weights()
    layer(INPUTS, training=True)
    after = layer.get_weights()
    moved = [not np.array_equal(*pair) for pair in zip(before, after, strict=True)]
    frozen = batch_norm == "frozen"
    assert any(moved) != frozen
    assert len(layer.trainable_variables) == (1 if frozen else 3)
    assert isinstance(layer.norm, FrozenBatchNormalization) == frozen
    assert getattr(layer.norm, "synchronized", False) == (batch_norm == "sync")


def test_a_layer_that_is_not_trainable_keeps_its_statistics():
    layer = randomized(ConvNormAct(5, 3, batch_norm="train"))
    layer.trainable = False
    before = layer.get_weights()
    np.testing.assert_array_equal(layer(INPUTS, training=True), layer(INPUTS))
    assert_all_close(layer.get_weights(), before)


@pytest.mark.parametrize("size", [(9, 9), (8, 10), (1, 2)])
@pytest.mark.parametrize("filters", [5, None])
def test_strides_sample_the_dense_outputs(filters, size):
    """Centred padding: what `padding="same"` gets wrong on even sizes."""
    inputs = np.random.default_rng(0).normal(size=(1, *size, 6)).astype(np.float32)
    dense, strided = (randomized(ConvNormAct(filters, 3, strides=s), inputs) for s in (1, 2))
    outputs = strided(inputs)
    assert outputs.shape == strided.compute_output_shape(inputs.shape)
    np.testing.assert_allclose(outputs, dense(inputs)[:, ::2, ::2], rtol=1e-4, atol=1e-5)
    assert strided.receptive_field_radius == 1


@pytest.mark.parametrize("batch_norm", BATCH_NORMS)
def test_separable_form_equals_plain_layers(batch_norm):
    options = {"activation": "relu6", "batch_norm": batch_norm, **STATISTICS}
    layer = randomized(SeparableConvNormAct(5, 3, dilation_rate=2, name="sep", **options))
    depthwise = plain_layers(layer.depthwise, filters=None, kernel_size=3, dilation_rate=2)
    middle = layer.depthwise(INPUTS)
    pointwise = plain_layers(layer.pointwise, inputs=middle, filters=5, kernel_size=1)

    def plain(x, training):
        for conv, norm in (depthwise, pointwise):
            x = tf.nn.relu6(norm(conv(x), training=training))
        return x

    assert_all_close([layer(INPUTS)], [plain(INPUTS, training=False)])
    trained = layer(INPUTS, training=True)
    assert_all_close([trained], [plain(INPUTS, training=batch_norm != "frozen")])
    parts = [layer.depthwise, layer.pointwise]
    found = [weight for part in parts for weight in part.norm.get_weights()]
    wanted = [weight for _, norm in (depthwise, pointwise) for weight in norm.get_weights()]
    assert_all_close(found, wanted)
    names = [part.name for layers in parts for part in (layers.conv, layers.norm)]
    assert names == [
        "sep_depthwise", "sep_depthwise_norm", "sep_pointwise", "sep_pointwise_norm",
    ]  # fmt: skip
    assert (layer.receptive_field_radius, trained.shape[1:]) == (2, (9, 8, 5))


@pytest.mark.parametrize("batch_norm", BATCH_NORMS)
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision(batch_norm, policy):
    full = randomized(SeparableConvNormAct(5, 3, batch_norm=batch_norm))
    mixed = SeparableConvNormAct(5, 3, batch_norm=batch_norm, dtype=policy)
    mixed(INPUTS)
    mixed.set_weights(full.get_weights())
    for training in (False, True):
        outputs, wanted = (layer(INPUTS, training=training) for layer in (mixed, full))
        assert outputs.dtype == policy.removeprefix("mixed_")
        error = np.abs(tf.cast(outputs, tf.float32) - wanted).max() / np.std(wanted)
        assert 1e-5 < error < (0.02 if policy == "mixed_float16" else 0.15)


def test_every_form_is_folded():
    """A folded model reads a kernel and a bias in place of the normalisation."""
    inputs = keras.Input([9, 8, 6])
    outputs = ConvNormAct(4, 3, batch_norm="train")(inputs)
    outputs = SeparableConvNormAct(5, 3, batch_norm="sync")(outputs)
    model = keras.Model(inputs, ConvNormAct(3, 1, activation=None)(outputs))
    randomized(model)
    wanted = model(INPUTS)
    with folded(model) as variables:
        shapes = sorted(tuple(variable.shape) for variable in variables)
        found = model(INPUTS)
    assert shapes == sorted([
        (3, 3, 6, 4), (4,), (3, 3, 4, 1), (4,), (1, 1, 4, 5), (5,), (1, 1, 5, 3), (3,),
    ])  # fmt: skip
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(model(INPUTS), wanted)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ConvNormAct(4, 3, batch_norm="group"), "batch_norm must be one of.*group"),
        (lambda: ConvNormAct(None, 3, strides=2, dilation_rate=2), "A stride cannot be combined"),
        (lambda: AtrousDepthwiseConv2D(0), "must be at least 1. Received: 0, 1, 1"),
    ],
)
def test_wrong_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.slow
@pytest.mark.parametrize("backbone", ["mobilenet_v2", "keras:MobileNetV2"])
def test_momentum_of_a_model_reaches_all_its_statistics(backbone):
    model = DeepLab(
        backbone, "v3plus", num_classes=3, output_stride=16, batch_norm="train",
        batch_norm_momentum=0.0, **({} if ":" in backbone else {"width": 0.1}),
    )  # fmt: skip
    model(np.random.default_rng(0).uniform(0, 255, [2, 33, 33, 3]), training=True)
    # With a momentum of 0 they are those of the batch: none is left as it began.
    for name, variable in model.variables_by_name().items():
        if name.endswith("/moving_variance"):
            assert np.all(compat.tf_variable(variable).numpy() != 1), name
