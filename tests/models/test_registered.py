"""Every registered class comes back from its configuration and computes the same."""

import inspect
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import deeplab_tf  # noqa: F401  registers the classes
from tests.models.test_save import NON_DEFAULT, NON_DEFAULT_VGG

CONSTANT = keras.initializers.Constant(0.7)
LOSS = {"ignore_label": 9, "name": "mine"}
HEAD = {"kernel_size": 5, "filters": 7, "dropout": 0.25, "method": "interlace"}
# Class -> arguments, in all of its rows together each one unlike its default.
ARGUMENTS = {
    "ASPP": [
        {"num_classes": 4, "rates": (2, 5), **HEAD},
        {"num_classes": 4, "filters": None},
    ],
    "AtrousConv2D": [
        {
            "filters": 3,
            "kernel_size": 5,
            "dilation_rate": 2,
            "method": "interlace",
            "activation": "relu",
            "use_bias": False,
        },
        {
            "filters": 4,
            "kernel_size": 2,
            "strides": 3,
            "kernel_initializer": keras.initializers.RandomNormal(stddev=0.3, seed=1),
            "bias_initializer": CONSTANT,
        },
    ],
    "AtrousDepthwiseConv2D": [
        {"kernel_size": 5, "dilation_rate": 2, "activation": "relu", "use_bias": False},
        {"kernel_size": 2, "strides": 3, "kernel_initializer": CONSTANT},
    ],
    "Bottleneck": [
        {"channels": 3, "strides": 2, "project": True},
        {"channels": 3, "dilation_rate": 4, "method": "interlace"},
    ],
    "CaffePool2D": [
        {"mode": "average", "pool_size": 5, "strides": 2},
        {"mode": "average", "dilation_rate": 3},
    ],
    "Combined": [{"losses": "dice", **LOSS}],
    "ConvNormAct": [
        {"filters": 3, "kernel_size": 5, "norm_name": "bn", "strides": 2, "activation": None},
        {
            "filters": 3,
            "kernel_size": 5,
            "dilation_rate": 4,
            "method": "interlace",
            "batch_norm": "sync",
            "momentum": 0.5,
            "epsilon": 1e-3,
        },
        {"filters": None, "kernel_size": 3, "batch_norm": "train"},
    ],
    "CrossEntropy": [{"class_weights": (1, 2), **LOSS}],
    "DeepLab": [NON_DEFAULT, NON_DEFAULT_VGG],
    "DenseCRF": [
        {
            "iterations": 3,
            "bilateral_weight": 5.0,
            "bilateral_sigma_xy": 40.0,
            "bilateral_sigma_rgb": 7.0,
            "gaussian_weight": 2.0,
            "gaussian_sigma_xy": 2.0,
            "normalization": "symmetric",
            "compatibility": [[0.0, 1.5], [2.5, 0.0]],
            "mode": "fast",
            "spatial_kernel": "lattice",
            "from_probabilities": True,
            "clip": 1e-4,
        },
        {"implementation": "pydensecrf"},
        {"trainable": True},
    ],
    "ExampleDropout": [{"rate": 0.3}],
    "Dice": [LOSS],
    "Focal": [{"gamma": 1.0, "class_weights": (1, 2), **LOSS}],
    "Fixed": [{"base_rate": 0.3}],
    "FrozenBatchNormalization": [{}],
    "Inverse": [{"base_rate": 0.3, "gamma": 0.2, "power": 0.5}],
    "LargeFOV": [
        {"num_classes": 4, "rate": 6, "pool_rate": 2, "suffix": "_1", **HEAD},
        {"num_classes": 4, "filters": None},
    ],
    "Lovasz": [LOSS],
    "MeanIoU": [{"num_classes": 4, "absent": "zero", **LOSS}],
    "MultiScaleBranch": [{"num_classes": 4, "stride": 2, "filters": 7, "dropout": 0.25}],
    "MultiScaleFeatures": [
        {"num_classes": 4, "strides": (4, 2, 1, 1, 1), "filters": 7, "dropout": 0.25}
    ],
    "OnlineHardPixels": [{"share": 0.5, "threshold": 0.7, **LOSS}],
    "PixelAccuracy": [LOSS],
    "Polynomial": [{"base_rate": 0.3, "max_steps": 9, "power": 0.5}],
    "ResNet": [{"depth": 50, "output_stride": 16, "width": 0.05, "method": "interlace"}],
    "SeparableConvNormAct": [
        {
            "filters": 3,
            "kernel_size": 5,
            "dilation_rate": 4,
            "activation": None,
            "batch_norm": "train",
            "momentum": 0.5,
            "epsilon": 1e-3,
        },
        {"filters": 3, "kernel_size": 3, "strides": 2},
    ],
    "Step": [{"base_rate": 0.3, "gamma": 0.2, "step_size": 5}],
    "VGG16": [{"output_stride": 16, "width": 0.05, "method": "interlace"}],
}
# What layers that compute something by themselves are called with; models and backbones have their
# own tests (test_save.py, tests/backbones/test_every_backbone.py).
FEATURES = np.random.default_rng(0).uniform(size=(2, 9, 8, 12)).astype(np.float32)
INPUTS = dict.fromkeys(
    (
        *("ASPP", "AtrousConv2D", "AtrousDepthwiseConv2D", "Bottleneck", "CaffePool2D"),
        *("ConvNormAct", "ExampleDropout", "LargeFOV", "MultiScaleBranch", "SeparableConvNormAct"),
    ),
    FEATURES,
)
INPUTS["MultiScaleFeatures"] = [FEATURES[:, ::s, ::s] for s in (1, 2, 4, 4, 4)]
# What is no layer: it has no dtype policy.
NO_LAYERS = (
    *("Fixed", "Inverse", "Polynomial", "Step"),
    *("Combined", "CrossEntropy", "Dice", "Focal", "Lovasz", "OnlineHardPixels"),
    *("MeanIoU", "PixelAccuracy"),
)
REGISTERED = {
    name.removeprefix("deeplab_tf>"): registered_class
    for name, registered_class in keras.saving.get_custom_objects().items()
    if name.startswith("deeplab_tf>")
}
ROWS = [(name, row) for name, rows in ARGUMENTS.items() for row in rows]


def parameters_of(name):
    parameters = inspect.signature(REGISTERED[name]).parameters.values()
    return {p.name: p.default for p in parameters if p.kind != p.VAR_KEYWORD}


def test_every_registered_class_has_its_rows():
    assert set(ARGUMENTS) == set(REGISTERED)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_the_rows_leave_no_argument_at_its_default(name):
    changed = {
        key
        for row in ARGUMENTS[name]
        for key, value in row.items()
        if value != parameters_of(name)[key]
    }
    assert changed == set(parameters_of(name))


def plain(value):
    """The form that a value has in a file."""
    return json.loads(json.dumps(keras.saving.serialize_keras_object(value), default=dict))


@pytest.mark.parametrize(("name", "row"), ROWS, ids=[name for name, _ in ROWS])
def test_all_arguments_come_back(name, row):
    options = {} if name in NO_LAYERS else {"name": "mine", "dtype": "mixed_bfloat16"}
    made = REGISTERED[name](**row, **options)
    copy = keras.saving.deserialize_keras_object(plain(made))
    assert type(copy) is REGISTERED[name]
    assert plain(copy) == plain(made)
    for key, value in row.items():
        expected = value.to_dict() if key == "dataset" else value
        assert plain(copy.get_config()[key]) == plain(expected), key
    if options:
        assert copy.name == "mine" and copy.compute_dtype == made.compute_dtype
    if name in INPUTS:
        assert_same_layer(made, copy, INPUTS[name])


def assert_same_layer(made, copy, inputs):
    """The weights of one are those of the other; so are then the outputs, in training too."""
    rng = np.random.default_rng(1)
    made(inputs), copy(inputs)
    made.set_weights([rng.uniform(0.3, 1.3, w.shape) for w in made.get_weights()])
    copy.set_weights(made.get_weights())
    options = [{}]
    if "seeds" in inspect.signature(made.call).parameters:
        options.append({"training": True, "seeds": tf.constant([[1, 2], [3, 4]])})
    for chosen in options:
        outputs, wanted = (tf.cast(x(inputs, **chosen), tf.float32) for x in (copy, made))
        np.testing.assert_array_equal(outputs, wanted)
        assert np.std(wanted) > 0 and np.isfinite(wanted).all()
    if "compute_output_shape" in vars(type(made)):
        assert tuple(made.compute_output_shape(inputs.shape)) == tuple(made(inputs).shape)
