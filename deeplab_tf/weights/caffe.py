"""Weights of the released Caffe nets under the names of our networks."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from deeplab_tf.weights.caffe_file import CaffeLayer, read_layers
from deeplab_tf.weights.caffe_names import layer_name, norm_name, shared_name
from deeplab_tf.weights.decimation import decimated_heads
from deeplab_tf.weights.keras_h5 import placing_arrays
from deeplab_tf.weights.weight_source import Arrays, Shapes, Source, check_file, variable_shapes

_ENDING = ".caffemodel"
_Blobs = Sequence[np.ndarray]
_POOL5_SIDE = 7  # features that VGG's first dense layer takes, along a side


def read(path: str | os.PathLike, shapes: Shapes) -> tuple[Arrays, int]:
    """Reads a `.caffemodel` file of a VGG-16 or a ResNet whose layers have the authors' names.

    Our networks of these names take BGR minus the mean, as the nets were trained on, and normalise
    with Caffe's epsilon: the numbers stay as they are.

    Args:
        path: the file.
        shapes: the shape of each of the model's variables by name. VGG's dense `fc6` and `fc7` are
            cut to theirs; of two classifiers in the file the one that has them is used.

    Returns:
        Arrays by our names, kernels HWIO; what has no place in a DeepLab keeps Caffe's name. Then
        the number of layers left out because they share their numbers with others.

    Raises:
        ValueError: the file cannot be read, or a layer does not hold what belongs to its type.
    """
    layers = read_layers(path)
    own = _without_copies(layers)
    with placing_arrays(path):
        arrays = _named(own, shapes)
        _move_biases(arrays, shapes)
        if {"fc6", "fc7"} <= {layer.name for layer in own if layer.kind == "InnerProduct"}:
            _cut_dense_layers(arrays, shapes)
    return arrays, len(layers) - len(own)


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
    parts = [(layer.name, layer_name(layer.name), _converted(layer)) for layer in layers]

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


def _converted(layer: CaffeLayer) -> Arrays:
    """Returns a layer's arrays by their parts, in our form."""
    if layer.kind not in _CONVERSIONS:
        return {f"blob{i}": blob for i, blob in enumerate(layer.blobs)}
    convert, numbers = _CONVERSIONS[layer.kind]
    if len(layer.blobs) not in numbers:
        wanted = " or ".join(map(str, numbers))
        raise ValueError(
            f"{layer.name!r} has {len(layer.blobs)} blobs, a {layer.kind} has {wanted}"
        )
    try:
        return convert(layer.blobs)
    except ValueError as error:
        raise ValueError(f"{layer.name!r}, a {layer.kind}: {error}") from None


def _convolution(blobs: _Blobs) -> Arrays:
    if blobs[0].ndim != 4:
        raise ValueError(f"its kernel has shape {blobs[0].shape}, not one of four sides")
    return {"kernel": blobs[0].transpose(2, 3, 1, 0), **_vectors(("bias",), blobs[1:])}


def _dense(blobs: _Blobs) -> Arrays:
    kernel = blobs[0]
    if kernel.ndim < 2 or kernel.size != kernel.shape[-2] * kernel.shape[-1]:
        raise ValueError(f"its kernel has shape {kernel.shape}, not that of a matrix")
    return {"kernel": kernel.reshape(kernel.shape[-2:]).T, **_vectors(("bias",), blobs[1:])}


def _statistics(blobs: _Blobs) -> Arrays:
    """Divides Caffe's sums by its third number, which grows with every update."""
    total = blobs[2]
    if total.size != 1:
        raise ValueError(f"its factor has shape {total.shape}, not that of one number")
    factor = np.divide(1, total, out=np.zeros_like(total), where=total != 0)
    vectors = _vectors(("moving_mean", "moving_variance"), blobs[:2])
    return {part: array * factor.item() for part, array in vectors.items()}


def _affine(blobs: _Blobs) -> Arrays:
    return _vectors(("gamma", "beta"), blobs)


def _vectors(parts: Sequence[str], blobs: _Blobs) -> Arrays:
    """Names vectors, to which old files give four sides."""
    for part, blob in zip(parts, blobs, strict=False):
        if blob.size != max(blob.shape, default=1):
            raise ValueError(f"its {part} has shape {blob.shape}, not that of a vector")
    return {part: blob.reshape(-1) for part, blob in zip(parts, blobs, strict=False)}


# Type -> how its blobs become ours, and how many there may be.
_CONVERSIONS: dict[str, tuple[Callable[[_Blobs], Arrays], tuple[int, ...]]] = {
    "Convolution": (_convolution, (1, 2)),
    "InnerProduct": (_dense, (1, 2)),
    "BatchNorm": (_statistics, (3,)),
    "Scale": (_affine, (1, 2)),
}


def _move_biases(arrays: Arrays, shapes: Shapes) -> None:
    """Has the means of normalisations take the biases before them, such as ResNet-50's conv1."""
    for name in [name for name in arrays if name.endswith("/bias") and name not in shapes]:
        mean = f"{norm_name(name.removesuffix('/bias'))}/moving_mean"
        if mean in arrays:
            arrays[mean] = arrays[mean] - arrays.pop(name)


def _cut_dense_layers(arrays: Arrays, shapes: Shapes) -> None:
    """Replaces VGG's dense fc6 and fc7 by those of the model, where it has any."""
    names = [f"{layer}/{part}" for layer in ("fc6", "fc7") for part in ("kernel", "bias")]
    kernel6, bias6, kernel7, bias7 = (arrays[name] for name in names)
    if kernel6.shape[0] % _POOL5_SIDE**2:
        return
    # Caffe flattens [channels, height, width], Keras and `decimated_heads` channels last.
    by_place = kernel6.reshape(-1, _POOL5_SIDE, _POOL5_SIDE, bias6.size).transpose(1, 2, 0, 3)
    heads = decimated_heads([by_place.reshape(-1, bias6.size), bias6], [kernel7, bias7], shapes)
    if heads:
        for name in names:
            del arrays[name]
        arrays |= heads


def _read_source(text: str, model: Any) -> tuple[str, Arrays]:
    arrays, copies = read(text, variable_shapes(model))
    label = f"{text} (Caffe; {copies} layers for other scales share these weights)"
    return label if copies else f"{text} (Caffe)", arrays


SOURCE = Source(
    f"the path of a Caffe {_ENDING} file",
    lambda text: text.lower().endswith(_ENDING),
    _read_source,
    check_file,
)
