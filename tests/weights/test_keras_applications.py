import re

import keras
import numpy as np
import pytest

from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.weights import load_into
from deeplab_tf.weights.decimation import filter_subset, kernel_taps
from deeplab_tf.weights.keras_applications import read
from tests.models.narrow import weights_of_zero
from tests.weights.fakes import random_array, write_classic, write_keras3

FC1, FC2 = 32, 24  # instead of 4096 each
BATCH_NORM = ("gamma", "beta", "moving_mean", "moving_variance")


@pytest.fixture
def vgg_layers():
    rng = np.random.default_rng(0)
    layers = {"input_1": {}}
    channels = 3
    for block, (count, filters) in enumerate([(2, 4), (2, 4), (3, 4), (3, 4), (3, 8)], 1):
        for i in range(count):
            kernel = random_array(rng, 3, 3, channels, filters)
            layers[f"block{block}_conv{i + 1}"] = {"W": kernel, "b": random_array(rng, filters)}
            channels = filters
        layers[f"block{block}_pool"] = {}
    for name, rows, columns in [
        ("fc1", 7 * 7 * 8, FC1),
        ("fc2", FC1, FC2),
        ("predictions", FC2, 9),
    ]:
        layers[name] = {"W": random_array(rng, rows, columns), "b": random_array(rng, columns)}
    return layers


def _without_top(layers):
    return {name: layers[name] for name in layers if name not in ("fc1", "fc2", "predictions")}


def test_vgg_backbone_gets_caffe_names(tmp_path, vgg_layers):
    write_classic(tmp_path / "vgg.h5", _without_top(vgg_layers))
    weights = read(tmp_path / "vgg.h5", shapes={})
    assert len(weights) == 26
    np.testing.assert_array_equal(weights["conv4_3/kernel"], vgg_layers["block4_conv3"]["W"])
    np.testing.assert_array_equal(weights["conv5_1/bias"], vgg_layers["block5_conv1"]["b"])


def test_vgg_written_by_keras3_reads_the_same(tmp_path, vgg_layers):
    write_classic(tmp_path / "old.h5", vgg_layers)
    arrays = {name: list(weights.values()) for name, weights in vgg_layers.items()}
    write_keras3(tmp_path / "new.weights.h5", arrays)
    shapes = {"fc6/kernel": (3, 3, 8, 16), "fc7/kernel": (1, 1, 16, 8)}
    old, new = read(tmp_path / "old.h5", shapes), read(tmp_path / "new.weights.h5", shapes)
    assert old.keys() == new.keys()
    for name, array in old.items():
        np.testing.assert_array_equal(array, new[name])


@pytest.mark.parametrize(
    ("size", "filters", "hidden"), [(3, 8, 6), (4, 32, 24), (7, 32, 24), (1, 5, 24)]
)
def test_fc6_and_fc7_are_decimated_alike(tmp_path, vgg_layers, size, filters, hidden):
    write_classic(tmp_path / "vgg.h5", vgg_layers)
    shapes = {"fc6/kernel": (size, size, 8, filters), "fc7/kernel": (1, 1, filters, hidden)}
    weights = read(tmp_path / "vgg.h5", shapes)
    dense = vgg_layers["fc1"]["W"].reshape(7, 7, 8, FC1)
    for i, y in enumerate(kernel_taps(size)):
        for j, x in enumerate(kernel_taps(size)):
            expected = dense[y, x][:, :: FC1 // filters][:, :filters]
            np.testing.assert_array_equal(weights["fc6/kernel"][i, j], expected)
    rows = [i * (FC1 // filters) for i in range(filters)]
    columns = [i * (FC2 // hidden) for i in range(hidden)]
    for i, row in enumerate(rows):
        assert weights["fc6/bias"][i] == vgg_layers["fc1"]["b"][row]
        for j, column in enumerate(columns):
            assert weights["fc7/kernel"][0, 0, i, j] == vgg_layers["fc2"]["W"][row, column]
    np.testing.assert_array_equal(weights["fc7/bias"], vgg_layers["fc2"]["b"][columns])
    assert "fc1/kernel" not in weights
    assert "predictions/kernel" in weights


def test_whole_7x7_head_computes_the_dense_layers(tmp_path, vgg_layers):
    write_classic(tmp_path / "vgg.h5", vgg_layers)
    shapes = {"fc6/kernel": (7, 7, 8, FC1), "fc7/kernel": (1, 1, FC1, FC2)}
    weights = read(tmp_path / "vgg.h5", shapes)
    x = random_array(np.random.default_rng(1), 7, 7, 8)
    dense = (x.reshape(-1) @ vgg_layers["fc1"]["W"]) @ vgg_layers["fc2"]["W"]
    conv = np.einsum("yxc,yxcf->f", x, weights["fc6/kernel"]) @ weights["fc7/kernel"][0, 0]
    np.testing.assert_allclose(conv, dense, rtol=1e-4, atol=1e-4)


def test_aspp_branches_take_different_filters(tmp_path, vgg_layers):
    write_classic(tmp_path / "vgg.h5", vgg_layers)
    shapes = {}
    for branch in "1234":
        shapes[f"fc6_{branch}/kernel"] = (3, 3, 8, 8)
        shapes[f"fc7_{branch}/kernel"] = (1, 1, 8, 6)
    weights = read(tmp_path / "vgg.h5", shapes)
    seen = np.concatenate([weights[f"fc6_{branch}/bias"] for branch in "1234"])
    assert set(seen) == set(vgg_layers["fc1"]["b"])
    assert weights["fc7_4/kernel"][0, 0, 0, 0] == vgg_layers["fc2"]["W"][3, 3]


def test_head_on_a_narrow_backbone_is_left_alone(tmp_path, vgg_layers):
    write_classic(tmp_path / "vgg.h5", vgg_layers)
    shapes = {"fc6/kernel": (3, 3, 2, 8), "fc7/kernel": (1, 1, 8, 8)}
    weights = read(tmp_path / "vgg.h5", shapes)
    assert "fc6/kernel" not in weights
    assert "fc1/kernel" in weights


@pytest.mark.parametrize(("size", "rate"), [(7, 4), (4, 8), (3, 12), (2, 24)])
def test_taps_span_the_field_of_view(size, rate):
    assert [tap * 4 for tap in kernel_taps(size)] == [i * rate for i in range(size)]


def test_more_filters_than_there_are_gives_all():
    np.testing.assert_array_equal(filter_subset(4, 9), [0, 1, 2, 3])


# Units per stage, and the last unit's name in stages 3 and 4.
RESNETS = {
    "ResNet50": ((3, 4, 6, 3), "3d", "4f"),
    "ResNet101": ((3, 4, 23, 3), "3b3", "4b22"),
    "ResNet152": ((3, 8, 36, 3), "3b7", "4b35"),
}


def _resnet_layers(units):
    rng = np.random.default_rng(0)
    layers = {"input_1": {}}

    def add(name):
        layers[f"{name}_conv"] = {
            "kernel": random_array(rng, 1, 1, 2, 2),
            "bias": random_array(rng, 2),
        }
        parts = ("gamma", "beta", "moving_mean", "moving_variance")
        layers[f"{name}_bn"] = {part: random_array(rng, 2) for part in parts}

    add("conv1")
    for stage, count in enumerate(units, 2):
        for block in range(1, count + 1):
            for branch in (0, 1, 2, 3) if block == 1 else (1, 2, 3):
                add(f"conv{stage}_block{block}_{branch}")
    layers["predictions"] = {"kernel": random_array(rng, 2, 9), "bias": random_array(rng, 9)}
    return layers


@pytest.mark.parametrize("net", RESNETS)
def test_resnet_names(tmp_path, net):
    units, last_of_3, last_of_4 = RESNETS[net]
    layers = _resnet_layers(units)
    write_classic(tmp_path / "resnet.h5", layers, suffix=":0")
    weights = read(tmp_path / "resnet.h5", shapes={})
    assert len(weights) == 5 * (1 + 3 * sum(units) + 4) + 2

    def same(name, layer):
        kernel = weights[f"res{name}/kernel"]
        np.testing.assert_array_equal(kernel, layers[f"{layer}_conv"]["kernel"])
        variance = weights[f"bn{name}/moving_variance"]
        np.testing.assert_array_equal(variance, layers[f"{layer}_bn"]["moving_variance"])

    same("2a_branch1", "conv2_block1_0")
    same("2c_branch2c", "conv2_block3_3")
    same(f"{last_of_3}_branch2a", f"conv3_block{units[1]}_1")
    same(f"{last_of_4}_branch2b", f"conv4_block{units[2]}_2")
    same("5b_branch2c", "conv5_block2_3")
    np.testing.assert_array_equal(weights["conv1/kernel"], layers["conv1_conv"]["kernel"])
    np.testing.assert_array_equal(weights["bn_conv1/gamma"], layers["conv1_bn"]["gamma"])
    assert not any(re.match(r"(res|conv1).*/bias", name) for name in weights)


def test_resnet_bias_moves_into_the_mean(tmp_path):
    layers = _resnet_layers((3, 4, 6, 3))
    write_classic(tmp_path / "resnet.h5", layers, suffix=":0")
    weights = read(tmp_path / "resnet.h5", shapes={})
    x = random_array(np.random.default_rng(1), 2)
    conv, norm = layers["conv3_block1_0_conv"], layers["conv3_block1_0_bn"]
    before = x @ conv["kernel"][0, 0] + conv["bias"] - norm["moving_mean"]
    after = x @ weights["res3a_branch1/kernel"][0, 0] - weights["bn3a_branch1/moving_mean"]
    np.testing.assert_allclose(after, before, rtol=1e-5, atol=1e-6)


@pytest.fixture
def keras_resnet50():
    """Keras's own network with the kind of numbers that training gives."""
    net = keras.applications.ResNet50(weights=None, include_top=False, input_shape=(None, None, 3))
    rng = np.random.default_rng(0)
    for layer in net.layers:
        if layer.name.endswith("_bn"):
            count = layer.get_weights()[0].size
            scales, shifts = rng.uniform(0.5, 1.5, (2, count)), 0.1 * rng.normal(size=(2, count))
            layer.set_weights([scales[0], *shifts, scales[1]])
        elif layer.name.endswith("_conv"):
            kernel, bias = layer.get_weights()
            layer.set_weights([kernel, 0.1 * rng.normal(size=bias.size)])
    return net


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*HDF5")
def test_loaded_resnet50_computes_the_features_of_keras(tmp_path, keras_resnet50):
    keras_resnet50.save(tmp_path / "resnet50.h5")
    model = DeepLab(backbone="resnet50", head="fc", num_classes=3, output_stride=32)
    report = load_into(model, tmp_path / "resnet50.h5")
    assert report.names("new") == ["fc1/kernel", "fc1/bias"]
    assert not report.names("skipped")
    for size in (65, 50):
        x = 50 * random_array(np.random.default_rng(size), 1, size, size + 7, 3)
        expected = keras_resnet50(x, training=False)
        np.testing.assert_allclose(model.backbone(x)["res5c"], expected, rtol=1e-4, atol=1e-3)


def mobilenet(name, **options):
    """Keras's own network with the kind of numbers that training gives.

    Means and variances are those of its own features: with others its layers enlarge what float32
    rounds, to 8e-4 of the deviation of V3's features.
    """
    options = {"weights": None, "include_top": False, "input_shape": (65, 97, 3), **options}
    if name == "MobileNetV3Large":
        options["include_preprocessing"] = False
    with weights_of_zero():  # which are replaced below
        net = getattr(keras.applications, name)(**options)
    rng = np.random.default_rng(0)
    for layer in net.layers:
        weights = layer.get_weights()
        if len(weights) == 4:
            layer.momentum = 0.0  # the means become those of one batch
            gamma, beta = (
                rng.uniform(0.5, 1.5, weights[0].shape),
                0.1 * rng.normal(size=weights[0].shape),
            )
            layer.set_weights([gamma, beta, *weights[2:]])
        elif weights:
            # What Keras starts depthwise kernels with lets the features vanish.
            rows, columns, channels, filters = weights[0].shape
            fan_in = rows * columns * (1 if filters == 1 else channels)
            kernel = rng.normal(scale=np.sqrt(2 / fan_in), size=weights[0].shape)
            layer.set_weights([kernel, *(0.1 * rng.normal(size=w.shape) for w in weights[1:])])
    net(random_array(rng, 4, *options["input_shape"]), training=True)
    return net


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "alpha", "row", "last"),
    [
        ("MobileNetV2", 0.35, "mobilenet_v2", "block_16_project_BN"),
        ("MobileNetV3Large", 0.75, "mobilenet_v3_large", None),
    ],
)
@pytest.mark.filterwarnings("ignore:.*HDF5")
def test_loaded_mobilenets_compute_the_features_of_keras(tmp_path, name, alpha, row, last):
    """On sizes that are odd at every stride, where Keras' padding is centred too."""
    net = mobilenet(name, alpha=alpha)
    net.save(tmp_path / "net.h5")
    model = DeepLab(row, "fc", num_classes=3, output_stride=32, width=alpha)
    report = load_into(model, tmp_path / "net.h5")
    assert report.names("new") == ["fc1/kernel", "fc1/bias"]
    left_out = {"Conv_1/kernel", *(f"Conv_1_bn/{part}" for part in BATCH_NORM)}
    assert set(report.names("skipped")) == (left_out if last else set())
    x = random_array(np.random.default_rng(1), 1, 65, 97, 3)
    output = net.get_layer(last).output if last else net.output
    expected = keras.Model(net.input, output)(x, training=False)
    found = model.backbone(x)[model.backbone.endpoint_at()]
    scale = np.std(expected)
    assert scale > 0.01
    # Rounding to float32 alone moves either of the two by up to 8e-5 from what float64 gives.
    np.testing.assert_allclose(found / scale, expected / scale, rtol=0, atol=2e-4)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*HDF5")
def test_weights_of_another_alpha_are_reported(tmp_path):
    with weights_of_zero():
        keras.applications.MobileNetV2(weights=None, alpha=0.35).save(tmp_path / "net.h5")
        model = DeepLab("mobilenet_v2", "fc", num_classes=3, output_stride=32, width=0.75)
    with pytest.raises(ValueError, match=r"nothing of the weights .*net\.h5 fits.*Conv1"):
        load_into(model, tmp_path / "net.h5")


def test_another_network_is_refused(tmp_path):
    write_classic(tmp_path / "x.h5", {"Conv1": {"W": np.ones((3, 3, 3, 2), np.float32)}})
    with pytest.raises(ValueError, match=r"x\.h5 holds no VGG16.*first layers are Conv1"):
        read(tmp_path / "x.h5", shapes={})


def test_vgg19_is_refused(tmp_path, vgg_layers):
    vgg_layers["block3_conv4"] = vgg_layers["block3_conv3"]
    write_classic(tmp_path / "vgg19.h5", vgg_layers)
    with pytest.raises(ValueError, match="holds no VGG16"):
        read(tmp_path / "vgg19.h5", shapes={})


ONE, FC6 = np.ones(1, np.float32), {"fc6/kernel": (3, 3, 512, 4), "fc7/kernel": (1, 1, 4, 4)}
VGG = {"block1_conv1": [ONE, ONE], "fc2": [np.ones((4, 4)), np.ones(4)]}
RESNET = {"conv1_conv": [ONE, ONE], "conv1_bn": [ONE] * 4}
ODD_LAYERS = {
    "fc1 is one number": {**VGG, "fc1": [np.float32(1), ONE]},
    "fc1 has no bias": {**VGG, "fc1": [np.ones((25088, 4))]},
    "fc1 has no filters": {**VGG, "fc1": [np.ones((25088, 0)), np.ones(0)]},
    "fc1 has another bias": {**VGG, "fc1": [np.ones((25088, 2)), np.ones(7)]},
    "fc2 is too small": {**VGG, "fc1": [np.ones((25088, 9)), np.ones(9)]},
    "no mean": {**RESNET, "conv1_bn": [ONE] * 2},
    "a mean of text": {**RESNET, "conv1_bn": [ONE, ONE, np.full(1, b"x"), ONE]},
    "no normalisation": {**RESNET, "conv2_block1_1_conv": [ONE, ONE]},
    "another bias": {**RESNET, "conv1_conv": [ONE, np.ones((2, 3))], "conv1_bn": [np.ones(5)] * 4},
    "a ninth branch": {**RESNET, "conv2_block1_9_conv": [ONE, ONE]},
    "a ninth stage": {**RESNET, "conv9_block1_1_conv": [ONE, ONE]},
    "many blocks": {**RESNET, "conv2_block99999999_1_conv": [ONE, ONE]},
}


@pytest.mark.parametrize("layers", ODD_LAYERS.values(), ids=ODD_LAYERS)
def test_layers_with_other_arrays_name_the_file(tmp_path, layers):
    numbered = {name: dict(zip("abcd", arrays, strict=False)) for name, arrays in layers.items()}
    write_classic(tmp_path / "x.h5", numbered)
    with pytest.raises(ValueError, match=r"x\.h5: its layers do not hold the arrays"):
        read(tmp_path / "x.h5", FC6)
