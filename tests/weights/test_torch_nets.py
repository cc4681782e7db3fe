"""Files of PyTorch against the Caffe nets from which the networks in them were converted."""

import numpy as np
import pytest

from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.weights import caffe, load_into, torch_nets
from tests.weights.caffe_files import caffemodel, random_weights
from tests.weights.caffe_nets import resnet101
from tests.weights.fakes import random_array
from tests.weights.torch_files import write_state_dict

# Stages, their units as Caffe calls them, and branches.
UNITS = {
    2: ("a", "b", "c"),
    3: ("a", "b1", "b2", "b3"),
    4: ("a", *(f"b{i}" for i in range(1, 23))),
    5: ("a", "b", "c"),
}
KAZUTO_BRANCHES = {"1": "shortcut", "2a": "reduce", "2b": "conv3x3", "2c": "increase"}
ISHT_BRANCHES = {"2a": "1", "2b": "2", "2c": "3"}


def kazuto_names():
    """Pairs of Caffe's convolution without "res" and PyTorch's convolution and normalisation."""
    yield "conv1", "base.layer1.conv1.conv", "base.layer1.conv1.bn"
    for stage, units in UNITS.items():
        for number, unit in enumerate(units, 1):
            for theirs, branch in KAZUTO_BRANCHES.items():
                layer = f"base.layer{stage}.block{number}.{branch}"
                yield f"res{stage}{unit}_branch{theirs}", f"{layer}.conv", f"{layer}.bn"


def isht_names():
    yield "conv1", "Scale.conv1", "Scale.bn1"
    for stage, units in UNITS.items():
        for number, unit in enumerate(units):
            layer = f"Scale.layer{stage - 1}.{number}"
            caffes = f"res{stage}{unit}_branch"
            yield f"{caffes}1", f"{layer}.downsample.0", f"{layer}.downsample.1"
            for theirs, branch in ISHT_BRANCHES.items():
                yield f"{caffes}{theirs}", f"{layer}.conv{branch}", f"{layer}.bn{branch}"


@pytest.mark.parametrize(
    ("names", "classifier"),
    [(kazuto_names, "base.aspp.c{}"), (isht_names, "Scale.layer5.conv2d_list.{}")],
)
def test_a_converted_net_gives_the_arrays_of_its_caffemodel(tmp_path, names, classifier):
    net = resnet101(width=0.02, classes=3)
    weights = random_weights(net)
    tensors = {}
    for conv, theirs, norm in names():
        if conv not in weights:  # only the first unit of a stage has a shortcut of its own
            continue
        suffix = "_conv1" if conv == "conv1" else conv.removeprefix("res")
        mean, variance, factor = weights[f"bn{suffix}"]
        gamma, beta = weights[f"scale{suffix}"]
        tensors |= {
            f"{theirs}.weight": weights[conv][0],
            f"{norm}.weight": gamma,
            f"{norm}.bias": beta,
            f"{norm}.running_mean": mean / factor,
            f"{norm}.running_var": variance / factor,
            f"{norm}.num_batches_tracked": np.float32([3]),
        }
    for branch in range(4):
        kernel, bias = weights[f"fc1_voc12_c{branch}"]
        tensors |= {
            f"{classifier.format(branch)}.weight": kernel,
            f"{classifier.format(branch)}.bias": bias,
        }
    write_state_dict(tmp_path / "net.pth", tensors)
    (tmp_path / "net.caffemodel").write_bytes(caffemodel(net, weights))
    wanted, _ = caffe.read(tmp_path / "net.caffemodel", {})
    arrays = torch_nets.read(tmp_path / "net.pth")
    assert arrays.keys() == wanted.keys()
    for name, array in arrays.items():
        assert array.dtype == np.float32
        np.testing.assert_allclose(array, wanted[name], rtol=1e-6)


@pytest.mark.usefixtures("shallow")
@pytest.mark.parametrize("prefix", ["", "backbone."])
def test_torchvisions_resnet_fits_the_form_of_its_own(tmp_path, prefix):
    model = DeepLab("resnet50_v1_5", "large_fov", num_classes=3, width=0.02)
    parts = {"kernel": "weight", "gamma": "weight", "beta": "bias", "bias": "bias",
             "moving_mean": "running_mean", "moving_variance": "running_var"}  # fmt: skip
    rng, tensors, wanted = np.random.default_rng(0), {}, {}
    for name, variable in model.variables_by_name().items():
        layer, part = name.split("/")
        if layer.startswith("layer"):
            wanted[name] = random_array(rng, *variable.shape)
            theirs = f"{prefix}{layer.removeprefix('layer0.')}.{parts[part]}"
            is_kernel = part == "kernel"
            tensors[theirs] = wanted[name].transpose(3, 2, 0, 1) if is_kernel else wanted[name]
    write_state_dict(
        tmp_path / "net.pth", {**tensors, "classifier.4.weight": random_array(rng, 21, 2, 1, 1)}
    )
    report = load_into(model, tmp_path / "net.pth")
    assert report.names("loaded") == list(wanted)
    assert report.names("skipped") == ["classifier.4.weight"]
    assert report.names("new") == ["fc1/kernel", "fc1/bias"]
    for name, array in wanted.items():
        np.testing.assert_array_equal(model.variables_by_name()[name].numpy(), array)


def test_torchvisions_resnet_is_not_taken_for_one_of_caffe(tmp_path):
    tensors = {
        "conv1.weight": np.ones([2, 3, 7, 7]),
        "layer1.0.conv1.weight": np.ones([2, 2, 1, 1]),
    }
    write_state_dict(tmp_path / "net.pth", tensors)
    assert list(torch_nets.read(tmp_path / "net.pth")) == [
        "layer0.conv1/kernel", "layer1.0.conv1/kernel",
    ]  # fmt: skip


def test_a_tensor_that_is_not_what_its_name_says_is_named(tmp_path):
    write_state_dict(tmp_path / "net.pth", {"conv1.weight": np.ones([3])})
    with pytest.raises(ValueError, match=r"net\.pth: its layers do not hold the arrays"):
        torch_nets.read(tmp_path / "net.pth")
