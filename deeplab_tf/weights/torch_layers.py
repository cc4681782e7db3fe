"""Convolutions and normalisations of PyTorch under the names and in the form of ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from deeplab_tf.weights.weight_source import Arrays

# What a normalisation calls its arrays.
NORM = {
    "weight": "gamma", "bias": "beta", "running_mean": "moving_mean",
    "running_var": "moving_variance",
}  # fmt: skip


def named_as_ours(
    tensors: Mapping[str, np.ndarray], name_of: Callable[[str], str | None]
) -> Arrays:
    """Returns tensors as float64 under our names, kernels as [height, width, input, output].

    Args:
        tensors: by PyTorch's names; kernels are [output, input, height, width].
        name_of: from one of these names to ours, None where there is none. A layer whose name ends
            in `_depthwise` has kernels [height, width, channels, 1].
    """
    weights: Arrays = {}
    for torch_name, array in tensors.items():
        if name := name_of(torch_name):
            axes = (2, 3, 0, 1) if "_depthwise/" in name else (2, 3, 1, 0)
            array = array.astype(np.float64)
            weights[name] = array.transpose(axes) if name.endswith("/kernel") else array
    return weights


def take_up_epsilon(weights: Arrays, theirs: float, ours: float) -> None:
    """Changes the gammas of all normalisations so that our epsilon gives what theirs gave.

    Args:
        weights: by our names, changed in place.
        theirs: added to the variance by the network that was trained.
        ours: added by ours.
    """
    for name in [name for name in weights if name.endswith("/gamma")]:
        variance = weights[name.replace("/gamma", "/moving_variance")]
        weights[name] = weights[name] * np.sqrt((variance + ours) / (variance + theirs))


def take_up_input_scaling(
    weights: Arrays, layer: str, mean: np.ndarray, deviation: np.ndarray
) -> None:
    """Has the first convolution take images from -1 to 1, where it took others.

    The kernel takes up the factor, and the moving mean after it the difference of the means; at the
    border, where zeros are padded, the two inputs still differ.

    Args:
        weights: by our names, changed in place.
        layer: the first convolution.
        mean: RGB, that images from 0 to 1 had subtracted.
        deviation: RGB, by which they were divided.
    """
    kernel = weights[f"{layer}/kernel"]
    # (x + 1) / 2 is the image from 0 to 1.
    weights[f"{layer}/kernel"] = kernel * (0.5 / deviation)[:, None]
    shift = np.einsum("hwio,i->o", kernel, (0.5 - mean) / deviation)
    weights[f"{layer}_norm/moving_mean"] = weights[f"{layer}_norm/moving_mean"] - shift
