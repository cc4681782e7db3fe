"""State dicts of PyTorch with a ResNet, alone or in a DeepLab v2, under our names."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from deeplab_tf.weights.keras_h5 import placing_arrays
from deeplab_tf.weights.torch_file import read_tensors
from deeplab_tf.weights.torch_layers import named_as_ours
from deeplab_tf.weights.torch_names import our_names
from deeplab_tf.weights.weight_source import Arrays, Source, check_file

_ENDINGS = (".pth", ".pt")


def read(path: str | os.PathLike) -> Arrays:
    """Reads a file of `torch.save`.

    Its networks normalise with the epsilon of ours, so the numbers stay as they are.

    Args:
        path: with a state dict, see `torch_file.read_tensors`.

    Returns:
        float32 arrays by our names, kernels HWIO; what has no place in a DeepLab has its own name.

    Raises:
        ValueError: the file cannot be read, or its tensors are not what their names say.
    """
    tensors = read_tensors(path)
    names = our_names(tensors)
    with placing_arrays(path):
        arrays = named_as_ours(tensors, names.get)
    with np.errstate(over="ignore"):
        return {name: array.astype(np.float32) for name, array in arrays.items()}


def _read_source(text: str, model: Any) -> tuple[str, Arrays]:
    return f"{text} (PyTorch)", read(text)


SOURCE = Source(
    "the path of a .pth file of PyTorch",
    lambda text: text.lower().endswith(_ENDINGS),
    _read_source,
    check_file,
)
