"""Weights of Keras Applications' VGG16 and ResNet50/101/152 under Caffe's names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from deeplab_tf.weights.keras_h5 import placing_arrays, read_layers

_VGG_LAYER = re.compile(r"block(\d)_conv(\d)")
_RESNET_LAYER = re.compile(r"conv(\d)_block(\d+)_(\d)_(conv|bn)")
_RESNET_BRANCHES = ("branch1", "branch2a", "branch2b", "branch2c")
_FC6_KERNEL = re.compile(r"fc6(?:_(\d))?/kernel")
_DENSE = ("kernel", "bias")
_BATCH_NORM = ("gamma", "beta", "moving_mean", "moving_variance")
_Layers = dict[str, list[np.ndarray]]


def read(path: str | Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Reads a Keras Applications file, with or without its classifier.

    Both families were trained on BGR minus the mean, as our backbones feed it, and have the strides
    on the first 1x1 convolution of a stage, as Caffe's nets do.

    Args:
        path: the `.h5` file.
        shapes: the shape of each of the model's variables by name; the sizes of `fc6` and `fc7`
            decide how VGG16's `fc1` and `fc2` are decimated.

    Returns:
        Arrays by Caffe's names, kernels HWIO. What has no place in a DeepLab keeps its own name.

    Raises:
        ValueError: the file cannot be read or holds another network.
    """
    layers = read_layers(path)
    with placing_arrays(path):
        if "block1_conv1" in layers and "block3_conv4" not in layers:
            return _read_vgg16(layers, shapes)
        if "conv1_conv" in layers and "conv1_bn" in layers:
            return _read_resnet(layers)
    raise ValueError(
        f"{path} holds no VGG16, ResNet50, ResNet101 or ResNet152 of Keras Applications;"
        f" its first layers are {', '.join(list(layers)[:4])}"
    )


def _read_vgg16(layers: _Layers, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    blocks = {layer: _VGG_LAYER.fullmatch(layer) for layer in layers}
    weights = _rename(layers, {k: f"conv{v[1]}_{v[2]}" for k, v in blocks.items() if v})
    if "fc1" in layers and "fc2" in layers:
        heads = _decimated_heads(layers["fc1"], layers["fc2"], shapes)
        if heads:
            for used in ("fc1/kernel", "fc1/bias", "fc2/kernel", "fc2/bias"):
                del weights[used]
            weights |= heads
    return weights


def _rename(layers: _Layers, names: Mapping[str, str]) -> dict[str, np.ndarray]:
    """Names each array after its layer and its part, which the number of arrays tells."""
    return {
        f"{names.get(layer, layer)}/{part}": array
        for layer, arrays in layers.items()
        for part, array in zip(_BATCH_NORM if len(arrays) == 4 else _DENSE, arrays, strict=False)
    }


def _decimated_heads(
    fc1: list[np.ndarray], fc2: list[np.ndarray], shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, np.ndarray]:
    """Cuts the dense layers to each branch's fc6 and fc7 (v1, section 3.2; v2, section 4.1.1)."""
    heads = {}
    for name, shape in shapes.items():
        fc6 = _FC6_KERNEL.fullmatch(name)
        if not fc6 or not _can_be_cut(shape, fc1[0].shape[0]):
            continue
        fc7_name = name.replace("fc6", "fc7")
        branch = int(fc6[1] or 1) - 1
        taps = kernel_taps(shape[0])
        rows = filter_subset(fc1[1].size, shape[3], branch)
        columns = filter_subset(fc2[1].size, shapes[fc7_name][3], branch)
        kernel = fc1[0].reshape(7, 7, shape[2], fc1[1].size)
        heads[name] = kernel[np.ix_(taps, taps, range(shape[2]), rows)]
        heads[name.replace("kernel", "bias")] = fc1[1][rows]
        heads[fc7_name] = fc2[0][np.ix_(rows, columns)][None, None]
        heads[fc7_name.replace("kernel", "bias")] = fc2[1][columns]
    return heads


def _can_be_cut(shape: tuple[int, ...], inputs: int) -> bool:
    return 7 * 7 * shape[2] == inputs and shape[0] == shape[1] <= 7


def kernel_taps(size: int) -> list[int]:
    """Picks the rows (or columns) of VGG's 7x7 fc6 kernel that a smaller kernel keeps.

    Args:
        size: the smaller kernel's side, 1 to 7. Its taps span the 7 evenly, so that a rate of
            24 / (size - 1) covers what the 7x7 kernel covers at rate 4.

    Returns:
        `size` indices from 0 to 6; the middle one for 1.
    """
    if size == 1:
        return [3]
    return [round(tap) for tap in np.linspace(0, 6, size)]


def filter_subset(available: int, wanted: int, branch: int = 0) -> np.ndarray:
    """Picks evenly spaced filters, other ones for each branch of ASPP.

    The paper takes a random subset that it does not give; evenly spaced ones need no seed.

    Args:
        available: how many filters the source has.
        wanted: how many the head has; more than `available` gives all, which then do not fit.
        branch: 0 for the first; shifts the choice, so that four branches of 1024 out of 4096 share
            no filter.

    Returns:
        Ascending indices, int64 [min(wanted, available)].
    """
    wanted = min(wanted, available)
    step = available // wanted
    return np.arange(wanted) * step + branch % step


def _read_resnet(layers: _Layers) -> dict[str, np.ndarray]:
    names = _resnet_names(layers)
    weights = _rename(layers, names)
    for layer, name in names.items():
        if layer.endswith("_conv"):
            # Caffe's nets have no bias before the normalisation: its mean takes it.
            bias = weights.pop(f"{name}/bias", 0)
            weights[f"{names[layer.removesuffix('conv') + 'bn']}/moving_mean"] -= bias
    return weights


def _resnet_names(layers: Iterable[str]) -> dict[str, str]:
    """Maps layers such as conv4_block7_2_bn to names such as bn4b6_branch2b."""
    parts = {layer: _RESNET_LAYER.fullmatch(layer) for layer in layers}
    blocks = dict.fromkeys("2345", 0)
    for part in filter(None, parts.values()):
        blocks[part[1]] = max(blocks[part[1]], int(part[2]))
    deep = blocks["4"] > 6
    names = {"conv1_conv": "conv1", "conv1_bn": "bn_conv1"}
    for layer, part in parts.items():
        if part:
            stage, block, branch, kind = part.groups()
            unit = _unit_name(int(block) - 1, numbered=deep and stage in "34")
            prefix = "res" if kind == "conv" else "bn"
            names[layer] = f"{prefix}{stage}{unit}_{_RESNET_BRANCHES[int(branch)]}"
    return names


def _unit_name(index: int, numbered: bool) -> str:
    """Names units a, b1, b2, ... in the long stages of ResNet-101 and 152, else a, b, c, ..."""
    return f"b{index}" if numbered and index else chr(ord("a") + index)
