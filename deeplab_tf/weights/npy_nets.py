"""Nets of Caffe that were converted for TensorFlow, as `.npy` files, under our names."""

from __future__ import annotations

import os
from typing import Any

from deeplab_tf.weights.caffe_names import layer_name
from deeplab_tf.weights.decimation import replace_dense_layers
from deeplab_tf.weights.keras_h5 import placing_arrays
from deeplab_tf.weights.npy_file import read_layers
from deeplab_tf.weights.weight_source import Arrays, Shapes, Source, check_file, variable_shapes

# What caffe-tensorflow calls the arrays of a layer, with its older names of a normalisation's.
_PARTS = {
    "weights": "kernel", "biases": "bias", "scale": "gamma", "offset": "beta",
    "mean": "moving_mean", "variance": "moving_variance",
}  # fmt: skip


def read(path: str | os.PathLike, shapes: Shapes) -> Arrays:
    """Reads a `.npy` file of a VGG-16 or a ResNet whose layers have Caffe's names.

    The numbers are Caffe's, with its epsilon, which is that of our networks.

    Args:
        path: the file, see `npy_file.read_layers`; kernels are HWIO in it.
        shapes: the shape of each of the model's variables by name; VGG's dense `fc6` and `fc7` are
            cut to theirs.

    Returns:
        Arrays by our names; what has no place in a DeepLab has Caffe's.

    Raises:
        ValueError: the file cannot be read, or its layers do not hold what their names say.
    """
    arrays = {
        f"{layer_name(layer)}/{_PARTS.get(part, part)}": array
        for layer, parts in read_layers(path).items()
        for part, array in parts.items()
    }
    with placing_arrays(path):
        replace_dense_layers(arrays, ("fc6", "fc7"), shapes)
    return arrays


def _read_source(text: str, model: Any) -> tuple[str, Arrays]:
    return f"{text} (NumPy)", read(text, variable_shapes(model))


SOURCE = Source(
    "the path of a .npy file of caffe-tensorflow",
    lambda text: text.lower().endswith(".npy"),
    _read_source,
    check_file,
)
