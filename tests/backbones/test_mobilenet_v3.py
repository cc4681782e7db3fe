import keras
import numpy as np
import pytest

from deeplab_tf import compat
from deeplab_tf.backbones.mobilenet_v3 import MobileNetV3Large
from deeplab_tf.models.complexity import count_multiply_adds
from tests.backbones.multiply_adds import keras_multiply_adds, kernels_of
from tests.models.narrow import weights_of_zero

# Averages of 960 channels, then dense layers to 1280 channels and 1000 classes.
CLASSIFIER_MULTIPLY_ADDS = 960 * 1280 + 1280 * 1000


def test_published_plan():
    backbone = MobileNetV3Large()
    assert (backbone.first.filters, backbone.last.filters) == (16, 960)
    assert (backbone.first.activation, backbone.last.activation) == ("hard_swish", "hard_swish")
    units = backbone.units
    assert [unit.name for unit in units][:3] == [
        "expanded_conv",
        "expanded_conv_1",
        "expanded_conv_2",
    ]
    # Table 1 of the paper: taps, expanded channels, output, squeeze, activation.
    assert [
        (u.kernel_size, u.expanded or 16, u.filters, bool(u.squeezed), u.activation) for u in units
    ] == [
        (3, 16, 16, False, "relu"),
        (3, 64, 24, False, "relu"),
        (3, 72, 24, False, "relu"),
        (5, 72, 40, True, "relu"),
        (5, 120, 40, True, "relu"),
        (5, 120, 40, True, "relu"),
        (3, 240, 80, False, "hard_swish"),
        (3, 200, 80, False, "hard_swish"),
        (3, 184, 80, False, "hard_swish"),
        (3, 184, 80, False, "hard_swish"),
        (3, 480, 112, True, "hard_swish"),
        (3, 672, 112, True, "hard_swish"),
        (5, 672, 160, True, "hard_swish"),
        (5, 960, 160, True, "hard_swish"),
        (5, 960, 160, True, "hard_swish"),
    ]
    assert [i for i, unit in enumerate(units) if unit.strides == 2] == [1, 3, 6]
    # torchvision's dilated form: 5x5 of rate 2 in the last stage.
    assert [unit.dilation_rate for unit in units] == [1] * 13 + [2] * 2
    assert MobileNetV3Large.has_global_context


def test_details_are_what_the_released_code_hands_to_decoders():
    backbone = MobileNetV3Large(width=0.05)
    assert {s: backbone.endpoint_at(s) for s in (4, 8, 16)} == {
        4: "expanded_conv_2_depthwise",
        8: "expanded_conv_5_depthwise",
        16: "expanded_conv_11_depthwise",
    }
    assert backbone.endpoint_at() == "conv_1"


@pytest.mark.slow
def test_convolutions_and_multiply_adds_are_those_of_keras():
    """Those of 0.75 channels are compared in tests/weights/test_keras_applications.py."""
    with weights_of_zero():
        net = keras.applications.MobileNetV3Large(
            input_shape=(224, 224, 3), weights=None, include_top=False
        )
        backbone = MobileNetV3Large(32)
        found = count_multiply_adds(backbone, 224, 224)
    assert found == sum(keras_multiply_adds(net).values())
    assert kernels_of(compat.leaf_layers(backbone)) == kernels_of(net.layers)
    # 219 million in table 3 of the paper, 217 in torchvision
    assert found + CLASSIFIER_MULTIPLY_ADDS == pytest.approx(217e6, rel=2e-3)


def test_squeeze_and_excitation_sees_the_whole_image():
    keras.utils.set_random_seed(0)
    backbone = MobileNetV3Large(8, width=0.05)
    width = 8 * (2 * backbone.receptive_field_radius // 8 + 4)
    image = np.random.default_rng(0).normal(size=(1, 9, width, 3)).astype(np.float32)
    other = image.copy()
    other[:, :, 0] += 1.0
    features, changed = (backbone(x)["conv_1"].numpy() for x in (image, other))
    assert np.abs(features - changed)[:, :, -1].max() > 1e-6


def test_names_of_the_published_files_are_known():
    """They were written by Keras 2, whose names have slashes."""
    names = {
        "Conv": "conv",
        "Conv/BatchNorm": "conv_norm",
        "expanded_conv/depthwise/BatchNorm": "expanded_conv_depthwise_norm",
        "expanded_conv_14/squeeze_excite/Conv": "expanded_conv_14_squeeze_excite_conv",
        "expanded_conv_14/squeeze_excite/Conv_1": "expanded_conv_14_squeeze_excite_conv_1",
        "expanded_conv_14/project": "expanded_conv_14_project",
        "Conv_1": "conv_1",
        "Conv_1/BatchNorm": "conv_1_norm",
    }
    assert MobileNetV3Large.keras_layer_names([*names, "Conv_2", "Logits"]) == names


@pytest.mark.slow
@pytest.mark.parametrize("net", ["MobileNetV3Small", "MobileNetV2", "MobileNet"])
def test_other_networks_are_refused(net):
    layers = getattr(keras.applications, net)(input_shape=(32, 32, 3), weights=None).layers
    assert MobileNetV3Large.keras_layer_names([layer.name for layer in layers]) is None


def test_the_minimalistic_network_is_refused():
    net = keras.applications.MobileNetV3Large(
        input_shape=(32, 32, 3), weights=None, minimalistic=True
    )
    assert MobileNetV3Large.keras_layer_names([layer.name for layer in net.layers]) is None
