"""Weights of Caffe nets: our logits against NumPy and against OpenCV, which runs such nets."""

import re

import numpy as np
import pytest

from deeplab_tf.backbones.caffe_input import MEAN_BGR
from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.weights import caffe, load_into
from deeplab_tf.weights.caffe_names import layer_name
from deeplab_tf.weights.decimation import decimated_heads
from tests.models.narrow import noise_images
from tests.weights import caffe_nets
from tests.weights.caffe_executor import run
from tests.weights.caffe_files import (
    caffemodel,
    new_layer,
    old_layer,
    prototxt,
    random_weights,
)
from tests.weights.fakes import fake_model, random_array

VGG = {"backbone": "vgg16", "head": "large_fov"}
ASPP = {"backbone": "vgg16", "head": "aspp_l"}
MSC = {**VGG, "msc_features": True}
RESNET = {"backbone": "resnet101", "head": "aspp_l"}
ODD, EVEN, SMALL = (97, 161), (90, 132), (33, 25)
# Net, arguments of ours, width, size of the image, form of the file.
CASES = {
    "large_fov": (caffe_nets.large_fov, VGG, 0.1, ODD, new_layer),
    "large_fov-even-old": (caffe_nets.large_fov, VGG, 0.1, EVEN, old_layer),
    "aspp_l-even": (caffe_nets.aspp_l, ASPP, 0.1, EVEN, new_layer),
    "msc-old": (caffe_nets.msc_large_fov, MSC, 0.1, SMALL, old_layer),
    "resnet101": (caffe_nets.resnet101, RESNET, 0.05, SMALL, new_layer),
    "large_fov-whole": (caffe_nets.large_fov, VGG, 1.0, ODD, old_layer),
}
PARAMETERS = [
    pytest.param(case, id=name, marks=[pytest.mark.slow] if name.endswith(("101", "whole")) else [])
    for name, case in CASES.items()
]


def caffe_input(image):
    """BGR minus the mean [3, H, W], with zeros below and to the right up to 8k + 1 pixels."""
    sides = [-(-(side - 1) // 8) * 8 + 1 for side in image.shape[:2]]
    padded = np.zeros([*sides, 3], np.float32)
    padded[: image.shape[0], : image.shape[1]] = image[..., ::-1] - np.float32(MEAN_BGR)
    return padded.transpose(2, 0, 1)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.caffemodel"


@pytest.fixture(scope="module", params=PARAMETERS)
def case(request, tmp_path_factory):
    """A file, its net and weights, an image, and our logits with these weights."""
    make, arguments, width, sides, form = request.param
    net = make(width=width)
    weights = random_weights(net)
    path = tmp_path_factory.mktemp("caffe") / "net.caffemodel"
    path.write_bytes(caffemodel(net, weights, form))
    model = DeepLab(num_classes=21, width=width, **arguments)
    report = load_into(model, path)
    assert not report.names("new") and not report.names("skipped")
    assert report.source == f"{path} (Caffe)"
    image = noise_images(*sides)[0]
    return path, net, weights, image, model(image[None]).numpy()[0]


def assert_equal_logits(ours, theirs):
    theirs = theirs.transpose(1, 2, 0)[: ours.shape[0], : ours.shape[1]]
    assert theirs.std() > 1
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 * abs(theirs).max())


def test_logits_are_those_of_caffes_layers_in_numpy(case):
    _, net, weights, image, logits = case
    assert_equal_logits(logits, run(net, weights, caffe_input(image)))


def test_logits_are_those_of_opencv(case):
    import cv2

    path, net, _, image, logits = case
    inputs = caffe_input(image)
    text = path.with_suffix(".prototxt")
    text.write_text(prototxt(net, *inputs.shape[1:]))
    theirs = cv2.dnn.readNetFromCaffe(str(text), str(path))
    theirs.setInput(inputs[None])
    assert_equal_logits(logits, theirs.forward()[0])


# === Names ===


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("conv5_3", "conv5_3"),
        ("fc6_4", "fc6_4"),
        ("fc8", "fc8"),
        ("fc8_", "fc8"),
        ("fc8_1", "fc8_1"),
        ("fc8_pascal", "fc8"),
        ("fc8_cityscapes", "fc8"),
        ("fc8_person_part_3", "fc8_3"),
        ("fc1_context_c2", "fc1_c2"),
        ("fc1__c2", "fc1_c2"),
        ("fc1_coco", "fc1"),
        ("fc1000", "fc1000"),
        ("data_conv", "msc0_conv1"),
        ("pool2_fc", "msc2_conv2"),
        ("pool4_ms", "msc4_fc8"),
        ("pool5_ms", "pool5_ms"),
        ("bn_conv1", "bn_conv1"),
        ("scale_conv1", "bn_conv1"),
        ("scale4b22_branch2c", "bn4b22_branch2c"),
    ],
)
def test_names(theirs, ours):
    assert layer_name(theirs) == ours


def write(path, layers):
    """Writes {(name, kind): blobs}."""
    path.write_bytes(b"".join(new_layer(*names, blobs) for names, blobs in layers.items()))
    return path


RNG = np.random.default_rng(0)
KERNEL, BIAS = random_array(RNG, 5, 4, 3, 3), random_array(RNG, 5)


def test_shared_copies_are_counted_in_one_line(path):
    blobs = {
        ("res5c_branch2b{}", "Convolution"): [KERNEL],
        ("bn5c_branch2b{}", "BatchNorm"): [BIAS, BIAS, np.float32([2])],
        ("scale5c_branch2b{}", "Scale"): [BIAS, BIAS],
        ("fc1_voc12{}_c0", "Convolution"): [KERNEL, BIAS],
    }
    layers = {
        (name.format(scale), kind): arrays
        for scale in ("", "_res05", "_res075")
        for (name, kind), arrays in blobs.items()
    }
    shapes = {"fc1_c0/kernel": (3, 3, 4, 5), "fc1_c0/bias": (5,)}
    report = load_into(fake_model(shapes), write(path, layers))
    assert report.names("loaded") == list(shapes)
    assert len(report.tensors) == 7
    assert "net.caffemodel (Caffe; 8 layers for other scales share these weights): 2" in str(report)


def test_a_copy_with_numbers_of_its_own_is_no_copy(path):
    layers = {
        ("res5c_branch2b", "Convolution"): [KERNEL],
        ("res5c_branch2b_res05", "Convolution"): [KERNEL + 1],
    }
    arrays, notes = caffe.read(write(path, layers), {})
    assert sorted(arrays) == ["res5c_branch2b/kernel", "res5c_branch2b_res05/kernel"]
    assert not notes


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_classifiers_the_one_that_fits_is_taken(path, order):
    layers = [
        (("fc8_coco", "Convolution"), [random_array(RNG, 91, 4, 1, 1), random_array(RNG, 91)]),
        (("fc8_voc12", "Convolution"), [random_array(RNG, 21, 4, 1, 1), random_array(RNG, 21)]),
    ]
    model = fake_model({"fc8/kernel": (1, 1, 4, 21), "fc8/bias": (21,)})
    report = load_into(model, write(path, dict(layers[::order])))
    assert report.names("loaded") == ["fc8/kernel", "fc8/bias"]
    assert report.names("skipped") == ["fc8_coco/kernel", "fc8_coco/bias"]
    np.testing.assert_array_equal(model.variables_by_name()["fc8/bias"].value, layers[1][1][1])


# === Numbers ===


@pytest.mark.parametrize("factor", [2.0, 0.0])
def test_statistics_are_divided_by_their_factor_of_which_0_gives_0(path, factor):
    mean, variance = np.float32([2, 4]), np.float32([6, 8])
    layers = {("bn_conv1", "BatchNorm"): [mean, variance, np.float32([factor])]}
    arrays, _ = caffe.read(write(path, layers), {})
    divided = [v / 2 if factor else v * 0 for v in (mean, variance)]
    np.testing.assert_array_equal(arrays["bn_conv1/moving_mean"], divided[0])
    np.testing.assert_array_equal(arrays["bn_conv1/moving_variance"], divided[1])


def test_a_bias_in_front_of_a_normalisation_goes_into_its_mean(path):
    layers = {
        ("conv1", "Convolution"): [KERNEL, BIAS],  # as in ResNet-50
        ("bn_conv1", "BatchNorm"): [np.full(5, 3, np.float32), np.ones(5), np.ones(1)],
        ("conv1_1", "Convolution"): [KERNEL, BIAS],
    }
    arrays, _ = caffe.read(write(path, layers), {"conv1/kernel": (3, 3, 4, 5)})
    assert "conv1/bias" not in arrays
    np.testing.assert_allclose(arrays["bn_conv1/moving_mean"], 3 - BIAS)
    np.testing.assert_array_equal(arrays["conv1_1/bias"], BIAS)


@pytest.mark.parametrize("branches", [("",), ("_1", "_2")])
def test_dense_layers_of_vgg_are_cut_as_those_of_keras(path, branches):
    channels, wide = 2, 8
    dense6 = random_array(RNG, wide, channels, 7, 7)  # which Caffe flattens
    dense7, bias6, bias7 = (random_array(RNG, *s) for s in ((wide, wide), (wide,), (wide,)))
    shapes = {f"fc6{b}/kernel": (3, 3, channels, 4) for b in branches}
    shapes |= {f"fc7{b}/kernel": (1, 1, 4, 4) for b in branches}
    path.write_bytes(
        old_layer("fc6", "InnerProduct", [dense6.reshape(wide, -1), bias6])
        + old_layer("fc7", "InnerProduct", [dense7, bias7])
        + old_layer("fc8", "InnerProduct", [dense7[:3], bias7[:3]])
    )
    arrays, _ = caffe.read(path, shapes)
    keras_kernel = dense6.transpose(2, 3, 1, 0).reshape(-1, wide)  # flattened as Keras does
    wanted = decimated_heads([keras_kernel, bias6], [dense7.T, bias7], shapes)
    assert arrays.keys() == {*wanted, "fc8/kernel", "fc8/bias"}
    for name, array in wanted.items():
        np.testing.assert_array_equal(arrays[name], array)
    assert arrays["fc8/kernel"].shape == (wide, 3)


def test_dense_layers_that_are_not_vggs_stay_as_they_are(path):
    layers = {
        ("fc6", "InnerProduct"): [random_array(RNG, 4, 36), random_array(RNG, 4)],
        ("fc7", "InnerProduct"): [random_array(RNG, 4, 4), random_array(RNG, 4)],
    }
    arrays, _ = caffe.read(write(path, layers), {"fc6/kernel": (3, 3, 1, 4)})
    assert arrays["fc6/kernel"].shape == (36, 4)


def test_layers_of_other_types_are_reported(path):
    layers = {
        ("fc8", "Convolution"): [KERNEL, BIAS],
        ("upscore", "Deconvolution"): [KERNEL, BIAS],
    }
    report = load_into(fake_model({"fc8/kernel": (3, 3, 4, 5)}), write(path, layers))
    assert report.names("skipped") == ["fc8/bias", "upscore/blob0", "upscore/blob1"]


@pytest.mark.parametrize(
    ("kind", "blobs", "reason"),
    [
        ("Convolution", [KERNEL, BIAS, BIAS], "'x' has 3 blobs, a Convolution has 1 or 2"),
        ("Convolution", [BIAS], r"its kernel has shape \(5,\), not one of four sides"),
        ("Convolution", [KERNEL, KERNEL], r"its bias has shape \(5, 4, 3, 3\), not that of a vec"),
        ("InnerProduct", [BIAS], "'x', a InnerProduct: its kernel has shape"),
        ("InnerProduct", [KERNEL], "'x', a InnerProduct: its kernel has shape"),
        ("BatchNorm", [BIAS, BIAS], "'x' has 2 blobs, a BatchNorm has 3"),
        ("BatchNorm", [BIAS, BIAS, BIAS], "its factor has shape"),
        ("Scale", [KERNEL], "its gamma has shape"),
    ],
)
def test_a_layer_without_the_blobs_of_its_type_is_named(path, kind, blobs, reason):
    with pytest.raises(ValueError, match=rf"{re.escape(str(path))}: .*{reason}"):
        caffe.read(write(path, {("x", kind): blobs}), {})


def test_the_net_of_another_backbone_loads_nothing(path):
    net = caffe_nets.large_fov(width=0.01)
    path.write_bytes(caffemodel(net, random_weights(net)))
    with pytest.raises(
        ValueError, match=r"nothing of the weights .*net\.caffemodel \(Caffe\) fits"
    ):
        load_into(fake_model({"res2a_branch1/kernel": (1, 1, 4, 4)}), path)


@pytest.mark.usefixtures("shallow_vgg")
@pytest.mark.parametrize("form", [new_layer, old_layer])
def test_pools_that_are_not_the_models_are_told(path, form):
    model = DeepLab(width=0.02, num_classes=3, **VGG)
    kernel = form("conv1_1", "Convolution", [np.ones([1, 3, 3, 3], np.float32)])
    sides = {"pool1": 2, "pool2": 2, "pool3": 3, "pool4": 3, "pool5": 3}
    pools = [form(name, "Pooling", pool=side) for name, side in sides.items()]
    path.write_bytes(b"".join([kernel, *pools]))
    assert load_into(model, path).source == (
        f"{path} (Caffe; its pools are not the model's, so its logits differ: pool1 2x2, pool2 2x2,"
        " no pool5a)"
    )
    path.write_bytes(kernel)  # says nothing of pools
    assert load_into(model, path).source == f"{path} (Caffe)"
