"""Weights of Keras Applications' networks under the names of our backbones."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from deeplab_tf.backbones import BACKBONES, KerasBackbone
from deeplab_tf.weights.classifier_file import classifier_arrays
from deeplab_tf.weights.decimation import replace_dense_layers
from deeplab_tf.weights.keras_h5 import placing_arrays, read_layers
from deeplab_tf.weights.weight_source import Arrays, Shapes, Source, check_file, variable_shapes

_DENSE = ("kernel", "bias")
_BATCH_NORM = ("gamma", "beta", "moving_mean", "moving_variance")
_FILE_ENDINGS = (".h5", ".hdf5")
_Layers = dict[str, list[np.ndarray]]


def read(path: str | os.PathLike, shapes: Shapes) -> Arrays:
    """Reads a Keras Applications file, with or without its classifier.

    Every network was trained on what the `preprocess` of its backbone makes of an image. The
    ResNets have the strides on the first 1x1 convolution of a stage, as Caffe's nets do. A
    MobileNet has to have the model's `width` as its alpha: of another most shapes differ, and are
    skipped.

    Args:
        path: the `.h5` file.
        shapes: the shape of each of the model's variables by name; the sizes of `fc6` and `fc7`
            decide how VGG16's `fc1` and `fc2` are decimated.

    Returns:
        Arrays by the backbone's names, kernels HWIO. What has no place in a DeepLab keeps its own
        name.

    Raises:
        ValueError: the file cannot be read or holds another network.
    """
    return named_arrays(read_layers(path), shapes, path)


def named_arrays(layers: _Layers, shapes: Shapes, path: str | os.PathLike) -> Arrays:
    """Names the arrays of a Keras Applications network as `read` does.

    Args:
        layers: the arrays of every layer in Keras' order.
        shapes: the shape of each of the model's variables by name.
        path: what error messages call the source.

    Returns:
        Arrays by the backbone's names.

    Raises:
        ValueError: it is another network.
    """
    families = list(dict.fromkeys(family for family, _ in BACKBONES.values()))
    with placing_arrays(path):
        for family in families:
            names = family.keras_layer_names(layers)
            if names is not None:
                return _renamed(layers, names, shapes, family.keras_biases)
    *others, last = (network for family in families for network in family.keras_applications)
    raise ValueError(
        f"{path} holds no {', '.join(others)} or {last} of Keras Applications;"
        f" its first layers are {', '.join(list(layers)[:4])}"
    )


def _renamed(layers: _Layers, names: Mapping[str, str], shapes: Shapes, has_biases: bool) -> Arrays:
    """Names each array after its layer and its part, which the number of arrays tells."""
    weights = {
        f"{names.get(layer, layer)}/{part}": array
        for layer, arrays in layers.items()
        for part, array in zip(_BATCH_NORM if len(arrays) == 4 else _DENSE, arrays, strict=False)
    }
    if has_biases:
        _move_biases(weights, names)
    replace_dense_layers(weights, ("fc1", "fc2"), shapes)
    return weights


def _move_biases(weights: Arrays, names: Mapping[str, str]) -> None:
    """Has the means of normalisations take the biases before them, which Caffe's nets lack."""
    for layer, name in names.items():
        if layer.endswith("_conv"):
            bias = weights.pop(f"{name}/bias", 0)
            weights[f"{names[layer.removesuffix('conv') + 'bn']}/moving_mean"] -= bias


def _read_source(text: str, model: Any) -> tuple[str, Arrays]:
    backbone = getattr(model, "backbone", None)
    if isinstance(backbone, KerasBackbone):
        return text, classifier_arrays(backbone, text)
    return text, read(text, variable_shapes(model))


SOURCE = Source(
    "the path of a Keras Applications .h5 file",
    lambda text: text.lower().endswith(_FILE_ENDINGS),
    _read_source,
    check_file,
)
