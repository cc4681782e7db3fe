import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf import DeepLab
from deeplab_tf.weights import deep_sort
from deeplab_tf.weights.package_file import find_package_file
from deeplab_tf.weights.torch_file import read_tensors

MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


@pytest.fixture(scope="module")
def tensors():
    return read_tensors(find_package_file("deep_sort", deep_sort._PACKAGE, deep_sort._FILE_NAME))


def test_every_tensor_of_the_backbone_finds_its_place():
    model = DeepLab("mobilenet_v2", "fc", num_classes=2, output_stride=32, weights="deep_sort")
    weights, variables = deep_sort.read(), model.variables_by_name()
    assert set(variables) - set(weights) == {"fc1/kernel", "fc1/bias"}
    for name, array in weights.items():
        np.testing.assert_array_equal(variables[name], array)


def test_first_convolution_equals_that_of_the_file(tensors):
    """The images are scaled otherwise, and the epsilon is another: both are taken up."""
    image = np.random.default_rng(0).integers(0, 256, [1, 9, 9, 3])
    model = DeepLab("mobilenet_v2", "fc", num_classes=2, output_stride=32, weights="deep_sort")
    found = model.backbone.first(model.backbone.preprocess(tf.constant(image, tf.float32)))

    scaled = (image[0] / 255 - MEAN) / DEVIATION
    kernel = tensors["features.0.0.weight"].astype(np.float64)  # [32, 3, 3, 3], output first
    windows = np.lib.stride_tricks.sliding_window_view(scaled, (3, 3), (0, 1))[1::2, 1::2]
    sums = np.einsum("yxchw,ochw->yxo", windows, kernel)
    gamma, beta, mean, variance = (
        tensors[f"features.0.1.{name}"].astype(np.float64)
        for name in ("weight", "bias", "running_mean", "running_var")
    )
    wanted = np.clip((sums - mean) / np.sqrt(variance + 1e-5) * gamma + beta, 0, 6)
    # Without the outermost, which see padding: the mean colour there, grey here.
    np.testing.assert_allclose(found[0, 1:4, 1:4], wanted[:3, :3], atol=1e-4)


def test_another_network_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(deep_sort, "read_tensors", lambda path: {"features.0.0.weight": np.ones(3)})
    with pytest.raises(ValueError, match=r"net\.pt: its layers do not hold the arrays"):
        deep_sort.read(tmp_path / "net.pt")
    monkeypatch.setattr(deep_sort, "read_tensors", lambda path: {"fc.weight": np.ones(3)})
    with pytest.raises(ValueError, match=r"net\.pt: its layers do not hold the arrays"):
        deep_sort.read(tmp_path / "net.pt")
