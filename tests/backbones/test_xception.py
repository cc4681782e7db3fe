import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf import compat
from deeplab_tf.backbones.xception import Xception
from deeplab_tf.backbones.xception_unit import XceptionUnit
from deeplab_tf.models.complexity import count_multiply_adds
from tests.backbones.shallow import shallow_networks
from tests.models.narrow import weights_of_zero

MIDDLE = [f"middle_flow/block1/unit_{i}" for i in range(1, 17)]
# Output stride -> stride and rate of the blocks that have a stride in the classification network,
# and the rates of the middle flow and of the last block: stack_blocks_dense of the released code.
PLANS = {
    32: ([2, 2, 2, 2], [1, 1, 1, 1], 1, 1),
    16: ([2, 2, 2, 1], [1, 1, 1, 1], 1, 2),
    8: ([2, 2, 1, 1], [1, 1, 1, 2], 2, 4),
}


def released_arrays(backbone):
    """The variables under the names of the released checkpoints, as the docstring maps them."""
    arrays = {}
    for layer in compat.leaf_layers(backbone):
        for variable in layer.weights:
            arrays[f"{layer.name}/{compat.weight_name(variable)}"] = variable.numpy()

    def array(name):
        ours = name.replace("/xception_module", "").replace("/BatchNorm", "_norm")
        layer, leaf = ours.rsplit("/", 1)
        leaf = {"weights": "kernel", "depthwise_weights": "kernel"}.get(leaf, leaf)
        return arrays.pop(f"{layer.replace('/', '_')}/{leaf}")

    return arrays, array


def plain_features(backbone, x, strides, rates, middle_rate, last_rate, multi_grid=(1, 1, 1)):
    """The released network in plain TensorFlow operations."""
    arrays, array = released_arrays(backbone)

    def norm(x, name):
        gamma, beta, mean, variance = (
            array(f"{name}/BatchNorm/{part}")
            for part in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        return gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta

    def padded(x, rate=1):
        return tf.pad(x, [[0, 0], [rate, rate], [rate, rate], [0, 0]])

    def conv(x, name, stride=1):
        kernel = array(f"{name}/weights")
        x = padded(x) if kernel.shape[0] == 3 else x
        return norm(tf.nn.conv2d(x, kernel, stride, "VALID"), name)

    def depthwise(x, name, stride, rate):
        kernel = array(f"{name}/depthwise_weights")
        y = tf.nn.depthwise_conv2d(
            padded(x, rate), kernel, [1, stride, stride, 1], "VALID", dilations=[rate, rate]
        )
        return norm(y, name)

    def block(x, name, stride=1, rate=1, grid=(1, 1, 1), shortcut="conv", after=False):
        y, details, scope = x, None, f"{name}/xception_module"
        for i in range(3):
            y = y if after else tf.nn.relu(y)
            part = f"{scope}/separable_conv{i + 1}"
            y = depthwise(y, f"{part}_depthwise", stride if i == 2 else 1, rate * grid[i])
            y = conv(tf.nn.relu(y) if after else y, f"{part}_pointwise")
            y = tf.nn.relu(y) if after else y
            details = y if i == 1 else details
        if shortcut == "conv":
            y += conv(x, f"{scope}/shortcut", stride)
        return (y + x if shortcut == "sum" else y), details

    x = tf.nn.relu(conv(x, "entry_flow/conv1_1", 2))
    x = tf.nn.relu(conv(x, "entry_flow/conv1_2"))
    x, _ = block(x, "entry_flow/block1/unit_1", strides[0], rates[0])
    x, low_level = block(x, "entry_flow/block2/unit_1", strides[1], rates[1])
    x, _ = block(x, "entry_flow/block3/unit_1", strides[2], rates[2])
    for name in MIDDLE[: len(backbone.units) - 5]:
        x, _ = block(x, name, rate=middle_rate, shortcut="sum")
    x, _ = block(x, "exit_flow/block1/unit_1", strides[3], rates[3])
    name = "exit_flow/block2/unit_1"
    x, _ = block(x, name, rate=last_rate, grid=multi_grid, shortcut="none", after=True)
    assert not arrays  # every variable was read, once
    return x, low_level


@pytest.mark.parametrize(
    ("depth", "output_stride", "multi_grid"),
    [
        (41, 16, (1, 1, 1)),
        pytest.param(41, 8, (1, 2, 4), marks=pytest.mark.slow),
        pytest.param(65, 32, (1, 1, 1), marks=pytest.mark.slow),
    ],
)
def test_features_are_those_of_the_released_network(depth, output_stride, multi_grid):
    with shallow_networks():  # how many middle units there are is in the published plan
        backbone = Xception(depth, output_stride, width=0.05, multi_grid=multi_grid)
    x = np.random.default_rng(0).normal(size=(1, 66, 49, 3)).astype(np.float32)
    backbone(x)
    rng = np.random.default_rng(1)
    for layer in compat.leaf_layers(backbone):
        if layer.name.endswith("_norm"):
            weights = layer.get_weights()
            layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in weights])
    features = backbone(x)
    wanted, low_level = plain_features(backbone, x, *PLANS[output_stride], multi_grid=multi_grid)
    details = features[backbone.endpoint_at(4)]
    for found, expected in ((features[backbone.endpoint_at()], wanted), (details, low_level)):
        scale = np.std(expected)
        assert scale > 1e-3
        np.testing.assert_allclose(found / scale, expected / scale, rtol=0, atol=1e-4)
    assert np.min(details) < 0 <= np.min(wanted)


def test_published_plan():
    backbone = Xception()
    names = ["entry_flow/block1/unit_1", "entry_flow/block2/unit_1", "entry_flow/block3/unit_1"]
    names += [*MIDDLE, "exit_flow/block1/unit_1", "exit_flow/block2/unit_1"]
    assert [unit.name for unit in backbone.units] == [name.replace("/", "_") for name in names]
    assert [unit.filters for unit in backbone.units if "middle" not in unit.name] == [
        (128,) * 3,
        (256,) * 3,
        (728,) * 3,
        (728, 1024, 1024),
        (1536, 1536, 2048),
    ]
    assert {unit.filters for unit in backbone.units if "middle" in unit.name} == {(728,) * 3}
    norms = {
        (c.depthwise.momentum, c.pointwise.epsilon) for u in backbone.units for c in u.convolutions
    }
    assert norms == {(0.9997, 1e-3)}
    assert backbone.endpoint_at(4) == "entry_flow_block2_unit_1_separable_conv2_pointwise"
    assert backbone.endpoint_at(16) == "exit_flow_block1_unit_1_separable_conv2_pointwise"


@pytest.mark.slow
def test_multiply_adds_follow_from_the_table():
    """Of each separable convolution 9 + D for every input channel and point, D output channels."""
    total, side, channels = 27 * 8 * 32**2 + 9 * 8 * 16 * 32**2, 32, 16
    flow = [([32] * 3, 2), ([64] * 3, 2), ([182] * 3, 2), *[([182] * 3, 1)] * 8]
    flow += [([182, 256, 256], 2), ([384, 384, 512], 1)]
    for filters, stride in flow:
        before = channels
        for j, width in enumerate(filters):
            side = side // stride if j == 2 else side
            total += channels * (9 + width) * side**2
            channels = width
        if stride == 2:
            total += before * channels * side**2
    with weights_of_zero():
        assert count_multiply_adds(Xception(41, 32, width=0.25), 64, 64) == total


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"depth": 71}, r"depth must be one of \[41, 65\]. Received: depth=71"),
        ({"multi_grid": (1, 2)}, r"multi_grid must have 3 factors. Received: multi_grid=\(1, 2\)"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Xception(**arguments)


def test_units_refuse_wrong_arguments():
    with pytest.raises(ValueError, match=r"three numbers.*Received: filters=\(4, 4\)"):
        XceptionUnit((4, 4))
    with pytest.raises(ValueError, match=r"shortcut must be one of .*Received: shortcut='add'"):
        XceptionUnit((4, 4, 4), shortcut="add")
