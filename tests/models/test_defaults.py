"""Documented defaults: interfaces.md, section "Python", that users' scripts rely on."""

import inspect

import pytest

import deeplab_tf

DEEPLAB = {
    "backbone": "vgg16",
    "head": "large_fov",
    # num_classes=21 is the document's example: there is no default, it is never guessed.
    "num_classes": None,
    "output_stride": 8,
    "scales": (1.0,),
    "width": 1.0,
    "fc6_kernel": 3,
    "fc6_rate": 12,
    "fc6_filters": 1024,
    "msc_features": False,
}
DENSE_CRF = {
    "iterations": 10,
    "bilateral_weight": 4.0,
    "bilateral_sigma_xy": 67.0,
    "bilateral_sigma_rgb": 3.0,
    "gaussian_weight": 3.0,
    "gaussian_sigma_xy": 1.0,
    "normalization": "after",
    "compatibility": "potts",
    "implementation": "graph",
    "mode": "exact",
    "spatial_kernel": "separable",
    "from_probabilities": False,
    "clip": 1e-5,
    "trainable": False,
}
PREDICTOR = {"crf": None, "scales": (1.0,), "flip": False, "fusion": "mean", "tile": None}


@pytest.mark.parametrize(
    ("documented", "function"),
    [
        (DEEPLAB, deeplab_tf.DeepLab),
        (DENSE_CRF, deeplab_tf.layers.DenseCRF),
        (PREDICTOR, deeplab_tf.Predictor),
    ],
)
def test_defaults_are_the_documented_ones(documented, function):
    parameters = inspect.signature(function).parameters
    found = {name: parameters[name].default for name in documented}
    assert found == documented
    kinds = {name: type(value) for name, value in found.items()}
    assert kinds == {name: type(value) for name, value in documented.items()}


def test_mean_field_has_the_defaults_of_the_layer():
    parameters = deeplab_tf.crf.parameters.CrfParameters().to_dict()
    assert parameters == DENSE_CRF
