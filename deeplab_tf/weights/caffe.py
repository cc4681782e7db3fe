"""Weights of the released Caffe nets under the names of our networks."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from deeplab_tf import compat
from deeplab_tf.layers.caffe_pool import CaffePool2D
from deeplab_tf.weights.caffe_file import CaffeLayer, read_layers
from deeplab_tf.weights.caffe_layers import converted
from deeplab_tf.weights.caffe_names import layer_name, norm_name, shared_name
from deeplab_tf.weights.decimation import replace_dense_layers
from deeplab_tf.weights.keras_h5 import placing_arrays
from deeplab_tf.weights.weight_source import Arrays, Shapes, Source, check_file, variable_shapes

_ENDING = ".caffemodel"
_POOL5_SIDE = 7  # features that VGG's first dense layer takes, along a side


def read(
    path: str | os.PathLike, shapes: Shapes, pools: Mapping[str, int] | None = None
) -> tuple[Arrays, list[str]]:
    """Reads a `.caffemodel` file of a VGG-16 or a ResNet whose layers have the authors' names.

    Our networks of these names take BGR minus the mean, as the nets were trained on, and normalise
    with Caffe's epsilon: the numbers stay as they are.

    Args:
        path: the file.
        shapes: the shape of each of the model's variables by name. VGG's dense `fc6` and `fc7` are
            cut to theirs; of two classifiers in the file the one that has them is used.
        pools: sides of the windows of the model's pools by name.

    Returns:
        Arrays by our names, kernels HWIO; what has no place in a DeepLab keeps Caffe's name. Then
        what is to be told: how many layers were left out because they share their numbers with
        others, and which pools differ.

    Raises:
        ValueError: the file cannot be read, or a layer does not hold what belongs to its type.
    """
    layers = read_layers(path)
    numbered = [layer for layer in layers if layer.blobs]
    own = _without_copies(numbered)
    with placing_arrays(path):
        arrays = _named(own, shapes)
        _move_biases(arrays, shapes)
        _put_channels_last(arrays)
        replace_dense_layers(arrays, ("fc6", "fc7"), shapes)
    fits_somewhere = any(shapes.get(name) == array.shape for name, array in arrays.items())
    notes = _other_pools(layers, pools or {}) if fits_somewhere else []
    if len(own) < len(numbered):
        notes.append(f"{len(numbered) - len(own)} layers for other scales share these weights")
    return arrays, notes


def _other_pools(layers: Sequence[CaffeLayer], pools: Mapping[str, int]) -> list[str]:
    """Tells of pools that are not the model's, so that the logits are not the net's."""
    theirs = {layer.name: layer.pool_size for layer in layers if layer.pool_size}
    others = [
        f"{name} {theirs[name]}x{theirs[name]}" if name in theirs else f"no {name}"
        for name, size in sorted(pools.items())
        if theirs.get(name) != size
    ]
    # A file of weights alone says nothing of pools.
    if not theirs or not others:
        return []
    return [f"its pools are not the model's, so its logits differ: {', '.join(others)}"]


# === Names ===


def _without_copies(layers: Sequence[CaffeLayer]) -> list[CaffeLayer]:
    """Leaves out layers whose numbers are those of the layer that they share them with."""
    by_name = {layer.name: layer for layer in layers}

    def is_copy(layer: CaffeLayer) -> bool:
        shared = by_name.get(shared_name(layer.name), layer)
        same_number = shared is not layer and len(shared.blobs) == len(layer.blobs)
        return same_number and all(map(np.array_equal, shared.blobs, layer.blobs))

    return [layer for layer in layers if not is_copy(layer)]


def _named(layers: Sequence[CaffeLayer], shapes: Shapes) -> Arrays:
    parts = [(layer.name, layer_name(layer.name), converted(layer)) for layer in layers]

    def fits(entry: tuple[str, str, Arrays]) -> bool:
        _, ours, arrays = entry
        return all(shapes.get(f"{ours}/{part}") == array.shape for part, array in arrays.items())

    named: Arrays = {}
    for theirs, ours, arrays in sorted(parts, key=fits, reverse=True):
        is_taken = any(f"{ours}/{part}" in named for part in arrays)
        name = theirs if is_taken else ours
        named |= {f"{name}/{part}": array for part, array in arrays.items()}
    return named


# === Numbers ===


def _move_biases(arrays: Arrays, shapes: Shapes) -> None:
    """Has the means of normalisations take the biases before them, such as ResNet-50's conv1."""
    for name in [name for name in arrays if name.endswith("/bias") and name not in shapes]:
        mean = f"{norm_name(name.removesuffix('/bias'))}/moving_mean"
        if mean in arrays:
            arrays[mean] = arrays[mean] - arrays.pop(name)


def _put_channels_last(arrays: Arrays) -> None:
    """Sorts the inputs of VGG's dense fc6, which Caffe flattens as [channels, height, width]."""
    kernel = arrays.get("fc6/kernel")
    if kernel is not None and kernel.ndim == 2 and kernel.shape[0] % _POOL5_SIDE**2 == 0:
        by_place = kernel.reshape(-1, _POOL5_SIDE, _POOL5_SIDE, kernel.shape[1])
        arrays["fc6/kernel"] = by_place.transpose(1, 2, 0, 3).reshape(kernel.shape)


def _read_source(text: str, model: Any) -> tuple[str, Arrays]:
    pools = {}
    if isinstance(model, keras.Model):
        layers = compat.leaf_layers(model)
        pools = {pool.name: pool.pool_size for pool in layers if isinstance(pool, CaffePool2D)}
    arrays, notes = read(text, variable_shapes(model), pools)
    return f"{text} ({'; '.join(['Caffe', *notes])})", arrays


SOURCE = Source(
    f"the path of a Caffe {_ENDING} file",
    lambda text: text.lower().endswith(_ENDING),
    _read_source,
    check_file,
)
