import numpy as np
import pytest

from deeplab_tf.weights import caffe, load_into, npy_nets
from tests.weights.caffe_files import caffemodel, old_layer, random_weights
from tests.weights.caffe_nets import resnet101
from tests.weights.fakes import fake_model, random_array

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    "norm_parts",
    [("moving_mean", "moving_variance", "gamma", "beta"), ("mean", "variance", "scale", "offset")],
)
def test_a_converted_net_gives_the_arrays_of_its_caffemodel(tmp_path, norm_parts):
    net = resnet101(width=0.02, classes=3)
    weights = random_weights(net)
    layers = {}
    for name, blobs in weights.items():
        if name.startswith("bn"):
            mean, variance, factor = blobs
            arrays = (mean / factor, variance / factor, *weights[name.replace("bn", "scale", 1)])
            layers[name] = dict(zip(norm_parts, arrays, strict=True))
        elif not name.startswith("scale"):
            arrays = (blobs[0].transpose(2, 3, 1, 0), *blobs[1:])
            layers[name] = dict(zip(("weights", "biases"), arrays, strict=False))
    np.save(tmp_path / "net.npy", layers, allow_pickle=True)
    (tmp_path / "net.caffemodel").write_bytes(caffemodel(net, weights))
    wanted, _ = caffe.read(tmp_path / "net.caffemodel", {})
    arrays = npy_nets.read(tmp_path / "net.npy", {})
    assert arrays.keys() == wanted.keys()
    for name, array in arrays.items():
        np.testing.assert_allclose(array, wanted[name], rtol=1e-6)


def test_dense_layers_of_vgg_are_cut_as_those_of_its_caffemodel(tmp_path):
    dense6, dense7 = random_array(RNG, 8, 2, 7, 7), random_array(RNG, 8, 8)
    biases = random_array(RNG, 2, 8)
    (tmp_path / "net.caffemodel").write_bytes(
        old_layer("fc6", "InnerProduct", [dense6.reshape(8, -1), biases[0]])
        + old_layer("fc7", "InnerProduct", [dense7, biases[1]])
    )
    layers = {"fc6": [dense6.transpose(2, 3, 1, 0).reshape(-1, 8), biases[0]],
              "fc7": [dense7.T, biases[1]]}  # fmt: skip
    np.save(tmp_path / "net.npy", layers, allow_pickle=True)
    shapes = {"fc6/kernel": (3, 3, 2, 4), "fc6/bias": (4,), "fc7/kernel": (1, 1, 4, 4)}
    models = [fake_model(shapes), fake_model(shapes)]
    reports = [
        load_into(model, tmp_path / f"net.{ending}")
        for model, ending in zip(models, ("npy", "caffemodel"), strict=True)
    ]
    assert reports[0].names("loaded") == reports[1].names("loaded") == list(shapes)
    assert reports[0].source.endswith("net.npy (NumPy)")
    for name in shapes:
        np.testing.assert_array_equal(*(m.variables_by_name()[name].value for m in models))


def test_a_dense_layer_without_a_bias_names_the_file(tmp_path):
    layers = {name: {"weights": np.ones((4, 4))} for name in ("fc6", "fc7")}
    np.save(tmp_path / "net.npy", layers, allow_pickle=True)
    with pytest.raises(ValueError, match=r"net\.npy: its layers do not hold the arrays"):
        npy_nets.read(tmp_path / "net.npy", {})
