"""Cuts VGG-16's dense layers to the fc6 and fc7 of a head."""

from __future__ import annotations

import re

import numpy as np

from deeplab_tf.weights.weight_source import Arrays, Shapes

_FC6_KERNEL = re.compile(r"fc6(?:_(\d))?/kernel")


def decimated_heads(fc1: list[np.ndarray], fc2: list[np.ndarray], shapes: Shapes) -> Arrays:
    """Cuts the dense layers to each branch's fc6 and fc7.

    Args:
        fc1: kernel [7 * 7 * C, F] and bias [F] of the first dense layer.
        fc2: kernel [F, G] and bias [G] of the second.
        shapes: the shape of each of the model's variables by name.

    Returns:
        `fc6/kernel`, `fc6/bias`, `fc7/kernel`, `fc7/bias` of every branch whose input has C
        channels; empty where the model has none.

    Source: Chen et al. 2015, section 3.2; 2016, section 4.1.1.
    """
    heads = {}
    for name, shape in shapes.items():
        fc6 = _FC6_KERNEL.fullmatch(name)
        if not fc6 or not _can_be_cut(shape, fc1[0].shape[0]):
            continue
        fc7_name = name.replace("fc6", "fc7")
        branch = int(fc6[1] or 1) - 1
        taps = np.array(kernel_taps(shape[0]))
        rows = filter_subset(fc1[1].size, shape[3], branch)
        columns = filter_subset(fc2[1].size, shapes[fc7_name][3], branch)
        kernel = fc1[0].reshape(7, 7, shape[2], fc1[1].size)
        heads[name] = kernel[np.ix_(taps, taps, np.arange(shape[2]), rows)]
        heads[name.replace("kernel", "bias")] = fc1[1][rows]
        heads[fc7_name] = fc2[0][np.ix_(rows, columns)][None, None]
        heads[fc7_name.replace("kernel", "bias")] = fc2[1][columns]
    return heads


def replace_dense_layers(weights: Arrays, layers: tuple[str, str], shapes: Shapes) -> None:
    """Replaces VGG-16's first two dense layers by what a model's heads take of them.

    Args:
        weights: by name, changed in place where both layers are there and the model has such heads.
        layers: names of the two, whose kernels are for features that end in their channels.
        shapes: the shape of each of the model's variables by name.
    """
    kernels = [weights.get(f"{layer}/kernel") for layer in layers]
    if any(kernel is None or kernel.ndim == 4 for kernel in kernels):  # those of a DeepLab have 4
        return
    used = [f"{layer}/{part}" for layer in layers for part in ("kernel", "bias")]
    kernel1, bias1, kernel2, bias2 = (weights[name] for name in used)
    heads = decimated_heads([kernel1, bias1], [kernel2, bias2], shapes)
    if heads:
        for name in used:
            del weights[name]
        weights |= heads


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
