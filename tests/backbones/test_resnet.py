import keras
import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.backbones.bottleneck import Bottleneck
from deeplab_tf.backbones.resnet import ResNet
from deeplab_tf.models.deeplab import DeepLab
from tests.backbones.shallow import shallow_networks


@pytest.fixture(scope="module")
def backbones():
    return {stride: ResNet(50, stride, width=0.05) for stride in (32, 16, 8, 4, 2)}


def named_rates(backbone):
    return {unit.name: unit.spatial.dilation_rate for unit in backbone.units}


def test_published_plan():
    backbone = ResNet(101)
    assert (backbone.stem.strides, backbone.stem.kernel_size, backbone.stem.filters) == (2, 7, 64)
    assert (backbone.pool.mode, backbone.pool.pool_size, backbone.pool.strides) == ("max", 3, 2)
    names = [unit.name for unit in backbone.units]
    assert names == (
        ["res2a", "res2b", "res2c", "res3a", "res3b1", "res3b2", "res3b3", "res4a"]
        + [f"res4b{i}" for i in range(1, 23)]
        + ["res5a", "res5b", "res5c"]
    )
    rates = {"2": 1, "3": 1, "4": 2, "5": 4}
    assert named_rates(backbone) == {name: rates[name[3]] for name in names}
    for unit in backbone.units:
        # The stride is on the first 1x1 and on the shortcut, never on the 3x3.
        stride = 2 if unit.name == "res3a" else 1
        assert unit.reduce.strides == stride
        assert (unit.spatial.strides, unit.expand.strides) == (1, 1)
        assert (unit.shortcut is not None) == unit.name.endswith("a")
        assert unit.shortcut is None or unit.shortcut.strides == stride
        assert {unit.reduce.dilation_rate, unit.expand.dilation_rate} == {1}


@pytest.mark.parametrize(
    ("output_stride", "strides", "rates"),
    [
        (32, [2, 2, 1, 2, 2, 2], [1, 1, 1, 1, 1]),
        (16, [2, 2, 1, 2, 2, 1], [1, 1, 1, 1, 2]),
        (4, [2, 2, 1, 1, 1, 1], [1, 1, 2, 4, 8]),
        (2, [2, 1, 1, 1, 1, 1], [1, 2, 4, 8, 16]),
    ],
)
def test_plan_of_other_strides(backbones, output_stride, strides, rates):
    backbone = backbones[output_stride]
    firsts = [unit for unit in backbone.units if unit.name.endswith("a")]
    found = [
        backbone.stem.strides,
        backbone.pool.strides,
        *(unit.reduce.strides for unit in firsts),
    ]
    assert found == strides
    found = [backbone.pool.dilation_rate, *(unit.spatial.dilation_rate for unit in firsts)]
    assert found == rates


@pytest.mark.parametrize(
    ("depth", "units", "ends"),
    [(50, 16, ["res3d", "res4f", "res5c"]), (152, 50, ["res3b7", "res4b35", "res5c"])],
)
def test_names_of_other_depths(depth, units, ends):
    names = [unit.name for unit in ResNet(depth).units]
    assert len(names) == units
    assert [max((n for n in names if n[3] == s), key=names.index) for s in "345"] == ends


def test_names_of_layers(backbones):
    backbone = backbones[8]
    unit = backbone.units[0]
    assert [p.name for p in (unit.shortcut, unit.reduce, unit.spatial, unit.expand)] == [
        "res2a_branch1",
        "res2a_branch2a",
        "res2a_branch2b",
        "res2a_branch2c",
    ]
    assert unit.expand.norm.name == "bn2a_branch2c"
    assert backbone.stem.norm.name == "bn_conv1"


def test_a_unit_equals_tensorflow_operations():
    """conv, norm, ReLU three times beside a projected shortcut; no biases, epsilon 1e-5."""
    unit = Bottleneck(2, strides=2, project=True, name="res3a")
    x = np.random.default_rng(0).uniform(size=(2, 9, 7, 6)).astype(np.float32)
    unit(x)
    rng = np.random.default_rng(1)
    unit.set_weights([rng.uniform(0.5, 1.5, size=w.shape) for w in unit.get_weights()])

    def conv_norm(part, x, strides=1):
        kernel = part.conv.kernel.numpy()
        pad = kernel.shape[0] // 2
        x = tf.nn.conv2d(
            np.pad(x, [(0, 0), (pad, pad), (pad, pad), (0, 0)]), kernel, strides, "VALID"
        )
        gamma, beta, mean, variance = part.norm.get_weights()
        return gamma * (x - mean) / np.sqrt(variance + 1e-5) + beta

    y = tf.nn.relu(conv_norm(unit.reduce, x, 2))
    y = conv_norm(unit.expand, tf.nn.relu(conv_norm(unit.spatial, y)))
    wanted = tf.nn.relu(y + conv_norm(unit.shortcut, x, 2))
    np.testing.assert_allclose(unit(x), wanted, rtol=1e-4, atol=1e-3)


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)  # with so few channels, another start can leave some dead
    with shallow_networks():
        model = DeepLab("resnet50", "fc", num_classes=3, width=0.05)
        rng = np.random.default_rng(0)
        for name, variable in model.variables_by_name().items():
            if name.startswith("bn"):
                variable.assign(rng.uniform(0.5, 1.5, variable.shape))
        yield model


@pytest.mark.slow
def test_calls_leave_batch_normalisation_as_it_is(model):
    images = np.full([2, 17, 17, 3], 200, np.uint8)
    calls = [
        lambda: model(images),
        lambda: model(images, training=False),
        lambda: model(images, training=True),
        lambda: model.predict(images, verbose=0),
        lambda: tf.function(model)(images, training=True),
    ]
    before = {n: v.numpy() for n, v in model.variables_by_name().items() if n.startswith("bn")}
    assert len(before) == 4 * (1 + 9 * 3 + 4)
    outputs = [call() for call in calls]
    for name, value in before.items():
        np.testing.assert_array_equal(model.variables_by_name()[name], value)
    for other in outputs:
        np.testing.assert_allclose(other, outputs[0], atol=1e-4 * np.abs(outputs[0]).max())


@pytest.mark.slow
def test_training_leaves_batch_normalisation_as_it_is(model):
    before = {name: v.numpy() for name, v in model.variables_by_name().items()}
    model.compile(
        keras.optimizers.SGD(0.1),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        run_eagerly=True,
    )
    rng = np.random.default_rng(0)
    model.fit(
        rng.integers(0, 256, (2, 17, 17, 3)).astype(np.uint8),
        rng.integers(0, 3, (2, 17, 17)),
        verbose=0,
    )
    for name, variable in model.variables_by_name().items():
        changed = (variable.numpy() != before[name]).any()
        assert changed != name.startswith("bn"), name


def test_unknown_depth_is_refused():
    with pytest.raises(ValueError, match=r"depth must be one of \[50, 101, 152\].*Received"):
        ResNet(34)
