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
PYRAMID = {
    "rates": (1, 2, 3),
    "filters": 7,
    "image_pooling": "33",
    "separable": True,
    "dropout": 0.25,
    "method": "interlace",
    "batch_norm": "sync",
}
BACKBONE = {"output_stride": 16, "width": 0.05, "method": "interlace", "batch_norm": "train"}
RESNET = {**BACKBONE, "multi_grid": (1, 2, 4)}
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
    "ASPPv3": [PYRAMID],
    "AtrousDepthwiseConv2D": [
        {"kernel_size": 5, "dilation_rate": 2, "activation": "relu", "use_bias": False},
        {"kernel_size": 2, "strides": 3, "kernel_initializer": CONSTANT},
    ],
    "Bottleneck": [
        {"channels": 3, "strides": 2, "project": True},
        {"channels": 3, "dilation_rate": 4, "method": "interlace", "batch_norm": "train"},
        {"channels": 3, "form": "torchvision"},
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
    "Cosine": [{"base_rate": 0.3, "max_steps": 9, "warmup_steps": 3, "warmup_rate": 0.2}],
    "CrossEntropy": [{"class_weights": (1, 2), "label_smoothing": 0.2, **LOSS}],
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
    "DeepStem": [
        {"channels": (2, 3, 4), "strides": 1, "batch_norm": "train", "momentum": 0.5},
    ],
    "Dice": [LOSS],
    "EncoderDecoder": [{"num_classes": 4, **PYRAMID, "low_level_filters": 3}],
    "Focal": [{"gamma": 1.0, "class_weights": (1, 2), **LOSS}],
    "Fixed": [{"base_rate": 0.3}],
    "FrozenBatchNormalization": [{}],
    "ImagePooling": [
        {"filters": 3, "window": 5, "batch_norm": "train", "momentum": 0.5, "epsilon": 1e-3}
    ],
    "InputScaling": [
        {"mean": [0.5, 0.1, 2.0], "deviation": [2.0], "scale": [0.3], "offset": [1.0, 2.0, 3.0]}
    ],
    "Inverse": [{"base_rate": 0.3, "gamma": 0.2, "power": 0.5}],
    "InvertedResidual": [
        {
            "filters": 12,
            "expanded": 24,
            "kernel_size": 5,
            "dilation_rate": 2,
            "residual": True,
            "squeezed": 8,
            "activation": "hard_swish",
            "batch_norm": "train",
        },
        {"filters": 5, "expanded": None, "strides": 2},
    ],
    "KerasBackbone": [
        {"application": "MobileNet", "output_stride": 16, "batch_norm": "train"},
    ],
    "LargeFOV": [
        {"num_classes": 4, "rate": 6, "pool_rate": 2, "suffix": "_1", **HEAD},
        {"num_classes": 4, "filters": None},
    ],
    "Lovasz": [LOSS],
    "MeanIoU": [{"num_classes": 4, "absent": "zero", **LOSS}],
    "MobileNetV2": [{**BACKBONE, "output_stride": 4}],
    "EfficientNetLite": [{**BACKBONE, "number": 1, "output_stride": 4}],
    "MobileNetV3Large": [{**BACKBONE, "output_stride": 4}],
    "MultiScaleBranch": [
        {
            "num_classes": 4,
            "stride": 2,
            "filters": 7,
            "dropout": 0.25,
            "initializers": ["zeros", "he_normal", "ones"],
        }
    ],
    "MultiScaleFeatures": [
        {
            "num_classes": 4,
            "strides": (4, 2, 1, 1, 1),
            "filters": 7,
            "dropout": 0.25,
            "start": "released",
        }
    ],
    "OnlineHardPixels": [{"share": 0.5, "threshold": 0.7, **LOSS}],
    "PixelAccuracy": [LOSS],
    "PaddedConv2D": [
        {
            "filters": 3,
            "kernel_size": (3, 3),
            "dilation_rate": (4, 4),
            "before": (0, 1),
            "rate": 2,
            "native_strides": 2,
        },
        {"filters": 3, "kernel_size": (3, 3), "dilation_rate": (2, 2), "rate": 2},
    ],
    "PaddedDepthwiseConv2D": [
        {"kernel_size": (3, 3), "before": (0, 1), "native_strides": 2, "rate": 2},
    ],
    "PaddedPool2D": [
        {
            "mode": "average",
            "pool_size": (3, 3),
            "dilation_rate": (4, 4),
            "outside": "zeros",
            "before": (0, 1),
            "rate": 4,
            "native_strides": 2,
        },
        {"strides": (2, 2), "outside": "forbidden"},
    ],
    "PaddedSeparableConv2D": [
        {"filters": 3, "kernel_size": (3, 3), "before": (0, 1), "native_strides": 2, "rate": 2},
    ],
    "Polynomial": [
        {"base_rate": 0.3, "max_steps": 9, "power": 0.5, "warmup_steps": 3, "warmup_rate": 0.2}
    ],
    "PyramidClassifier": [{"num_classes": 4, **PYRAMID}],
    "ResNet": [{"depth": 50, **RESNET}],
    "ResNetBeta": [{"depth": 50, **RESNET}],
    "ResNetV15": [{"depth": 50, **RESNET}],
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
    "SqueezeExcite": [{"filters": 3}],
    "Step": [{"base_rate": 0.3, "gamma": 0.2, "step_size": 5}],
    "VGG16": [BACKBONE],
    "Xception": [
        {
            "depth": 41,
            "output_stride": 8,
            "width": 0.05,
            "method": "interlace",
            "batch_norm": "train",
            "multi_grid": (1, 2, 4),
        }
    ],
    "XceptionUnit": [
        {
            "filters": (5, 6, 12),
            "dilation_rate": 2,
            "unit_rates": (1, 2, 4),
            "shortcut": "sum",
            "activates_after": True,
            "batch_norm": "train",
        },
        {"filters": (5, 6, 7), "strides": 2},
    ],
}
# What layers that compute something by themselves are called with. Models, backbones and units have
# their own tests (test_save.py, tests/backbones/test_every_backbone.py).
FEATURES = np.random.default_rng(0).uniform(size=(2, 9, 8, 12)).astype(np.float32)
INPUTS = dict.fromkeys(
    (
        *("ASPP", "AtrousConv2D", "AtrousDepthwiseConv2D", "Bottleneck", "CaffePool2D"),
        *("ConvNormAct", "ExampleDropout", "LargeFOV", "MultiScaleBranch", "SeparableConvNormAct"),
        "SqueezeExcite",
        *("PaddedConv2D", "PaddedDepthwiseConv2D", "PaddedPool2D", "PaddedSeparableConv2D"),
    ),
    FEATURES,
)
INPUTS["MultiScaleFeatures"] = [FEATURES[:, ::s, ::s] for s in (1, 2, 4, 4, 4)]
# What is no layer: it has no dtype policy.
NO_LAYERS = (
    *("Cosine", "Fixed", "Inverse", "Polynomial", "Step"),
    *("Combined", "CrossEntropy", "Dice", "Focal", "Lovasz", "OnlineHardPixels"),
    *("MeanIoU", "PixelAccuracy"),
)
REGISTERED = {
    name.removeprefix("deeplab_tf>"): registered_class
    for name, registered_class in keras.saving.get_custom_objects().items()
    if name.startswith("deeplab_tf>")
}
ROWS = [(name, row) for name, rows in ARGUMENTS.items() for row in rows]


# Arguments that are used once and not carried, and those that have one value.
WITHOUT_ROWS = {"DeepLab": ("weights",), "KerasBackbone": ("width", "method")}


def parameters_of(name):
    parameters = inspect.signature(REGISTERED[name]).parameters.values()
    parameters = [p for p in parameters if p.name not in WITHOUT_ROWS.get(name, ())]
    return {p.name: p.default for p in parameters if p.kind != p.VAR_KEYWORD}


def test_every_registered_class_has_its_rows():
    assert set(ARGUMENTS) == set(REGISTERED)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_the_rows_leave_no_argument_at_its_default(name):
    changed = {
        key
        for row in ARGUMENTS[name]
        for key, value in row.items()
        if key in parameters_of(name) and value != parameters_of(name)[key]
    }
    assert changed == set(parameters_of(name))


def plain(value):
    """The form that a value has in a file."""
    return json.loads(json.dumps(keras.saving.serialize_keras_object(value), default=dict))


@pytest.mark.slow
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
