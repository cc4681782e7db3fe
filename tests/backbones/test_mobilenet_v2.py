import keras
import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf import compat
from deeplab_tf.backbones.inverted_residual import InvertedResidual
from deeplab_tf.backbones.mobilenet_v2 import MobileNetV2
from deeplab_tf.models.complexity import count_multiply_adds
from tests.backbones.multiply_adds import keras_multiply_adds, kernels_of
from tests.models.narrow import weights_of_zero

# After the last unit come the convolution to 1280 channels and the classifier of 1000 classes.
CLASSIFIER_MULTIPLY_ADDS = 7 * 7 * 320 * 1280 + 1280 * 1000


def test_published_plan():
    backbone = MobileNetV2()
    assert (backbone.first.filters, backbone.first.kernel_size, backbone.first.strides) == (
        32,
        3,
        2,
    )
    names = ["expanded_conv", *(f"block_{i}" for i in range(1, 17))]
    assert [unit.name for unit in backbone.units] == names
    channels = [16, 24, 24, 32, 32, 32, 64, 64, 64, 64, 96, 96, 96, 160, 160, 160, 320]
    assert [unit.filters for unit in backbone.units] == channels
    expanded = [None, *(6 * before for before in channels[:-1])]
    assert [unit.expanded for unit in backbone.units] == expanded
    added = [2, 4, 5, 7, 8, 9, 11, 12, 14, 15]
    assert [i for i, unit in enumerate(backbone.units) if unit.residual] == added
    layers = [backbone.first, *(part for unit in backbone.units for part in (unit.depthwise,))]
    assert {layer.activation for layer in layers} == {"relu6"}
    assert {unit.project.activation for unit in backbone.units} == {None}
    assert {(layer.momentum, layer.epsilon) for layer in layers} == {(0.997, 1e-3)}


@pytest.mark.parametrize(
    ("output_stride", "strided", "rates"),
    [  # the units that subsample, and the rates of units 1 to 16
        (32, [1, 3, 6, 13], [1] * 16),
        (16, [1, 3, 6], [1] * 13 + [2] * 3),
        (8, [1, 3], [1] * 6 + [2] * 7 + [4] * 3),
        (4, [1], [1] * 3 + [2] * 3 + [4] * 7 + [8] * 3),
    ],
)
def test_plan_of_other_strides(output_stride, strided, rates):
    units = MobileNetV2(output_stride, width=0.05).units
    assert [i for i, unit in enumerate(units) if unit.strides == 2] == strided
    assert [unit.dilation_rate for unit in units[1:]] == rates


def test_details_are_what_the_released_code_hands_to_decoders():
    backbone = MobileNetV2(16, width=0.35)
    features = backbone(np.random.default_rng(0).normal(size=(1, 33, 33, 3)).astype(np.float32))
    details = {s: backbone.endpoint_at(s) for s in (4, 8, 16)}
    assert details == {4: "block_2_depthwise", 8: "block_5_depthwise", 16: "block_12_depthwise"}
    assert [features[name].shape[3] for name in details.values()] == [48, 96, 192]
    wanted = backbone.units[2].depthwise(backbone.units[2].expand(features["block_1"]))
    np.testing.assert_allclose(features["block_2_depthwise"], wanted, atol=1e-6)


@pytest.mark.slow
def test_convolutions_and_multiply_adds_are_those_of_keras():
    """Those of 0.35 channels are compared in tests/weights/test_keras_applications.py."""
    with weights_of_zero():
        net = keras.applications.MobileNetV2(input_shape=(224, 224, 3), weights=None)
        backbone = MobileNetV2(32)
        found = count_multiply_adds(backbone, 224, 224)
    counts = keras_multiply_adds(net)
    assert found == sum(counts.values()) - counts["Conv_1"]
    inside = [layer for layer in net.layers if layer.name != "Conv_1"]
    assert kernels_of(compat.leaf_layers(backbone)) == kernels_of(inside)
    # 300 million in table 4 of the paper
    assert found + CLASSIFIER_MULTIPLY_ADDS == pytest.approx(300e6, rel=5e-3)


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [0.75, 1.4])
def test_channels_of_other_widths_are_those_of_keras(alpha):
    with weights_of_zero():
        net = keras.applications.MobileNetV2(input_shape=(32, 32, 3), alpha=alpha, weights=None)
        backbone = MobileNetV2(32, alpha)
        backbone(tf.zeros([1, 1, 1, 3]))
    inside = [layer for layer in net.layers if layer.name != "Conv_1"]
    assert kernels_of(compat.leaf_layers(backbone)) == kernels_of(inside)


def test_a_unit_equals_tensorflow_operations():
    """1x1, ReLU6, depthwise 3x3, ReLU6, 1x1, plus the input; epsilon 1e-3, no biases."""
    unit = InvertedResidual(4, 24, residual=True, name="block_2")
    x = np.random.default_rng(0).normal(size=(2, 9, 7, 4)).astype(np.float32)
    unit(x)
    rng = np.random.default_rng(1)
    unit.set_weights([rng.uniform(0.2, 1.0, size=w.shape) for w in unit.get_weights()])

    def norm(part, y):
        gamma, beta, mean, variance = part.norm.get_weights()
        return gamma * (y - mean) / np.sqrt(variance + 1e-3) + beta

    y = tf.nn.relu6(norm(unit.expand, tf.nn.conv2d(x, unit.expand.conv.kernel, 1, "SAME")))
    y = tf.nn.depthwise_conv2d(y, unit.depthwise.conv.kernel, [1, 1, 1, 1], "SAME")
    depthwise = tf.nn.relu6(norm(unit.depthwise, y))
    y = norm(unit.project, tf.nn.conv2d(depthwise, unit.project.conv.kernel, 1, "SAME"))
    outputs, details = unit(x)
    np.testing.assert_allclose(details, depthwise, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(outputs, x + y, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_units_start_with_outputs_as_large_as_their_inputs():
    """A depthwise kernel that is initialised as if it saw all channels lets features vanish."""
    keras.utils.set_random_seed(0)
    features = MobileNetV2(32)(np.random.default_rng(0).normal(size=(1, 65, 65, 3)))
    assert 0.1 < np.std(features["block_16"]) < 10
