"""Layers of an HDF5 file that Keras wrote, without building the network."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from itertools import chain

import h5py
import numpy as np

from deeplab_tf.data.paths import user_path
from deeplab_tf.weights.safe_hdf5 import check_expansion, check_hdf5, unpacked_bytes
from deeplab_tf.weights.weight_source import check_file


def read_layers(path: str | os.PathLike) -> dict[str, list[np.ndarray]]:
    """Reads every layer's arrays in the order in which Keras keeps them.

    Two layouts are understood: the one of the published Keras Applications files and of
    `model.save("x.h5")` (attributes `layer_names` and `weight_names`), and the one of Keras 3's
    `model.save_weights("x.weights.h5")` (groups `vars` that carry their layer's name).

    Args:
        path: the file. Names of the arrays inside it do not matter, their order does.

    Returns:
        For every layer with weights its arrays: a convolution or dense layer has its kernel, then
        its bias; batch normalisation has gamma, beta, moving mean and moving variance.

    Raises:
        ValueError: the file is missing, is no HDF5 file, is cut short, names no layer, or would
            have other files read (see `check_hdf5`).
    """
    path = user_path(path)
    check_file(path)
    size = path.stat().st_size
    try:
        with h5py.File(path) as file:
            check_hdf5(file, path, size)
            root = file.get("model_weights", file)
            named = "layer_names" in root.attrs
            layers = _classic_layout(root) if named else _keras3_layout(root)
            # Lists of names can name the same numbers again and again.
            check_expansion(unpacked_bytes(chain(*layers.values())), size, path)
            layers = {name: [dataset[()] for dataset in layers[name]] for name in layers}
    except (OSError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path} cannot be read as an HDF5 file of Keras weights: {error}"
        ) from error
    if not layers:
        raise ValueError(
            f"{path} names no layer with weights: expected the .h5 file of a Keras Applications"
            " model (the .weights.h5 files that Keras 2 writes do not carry the names of layers:"
            " save as .h5 instead)"
        )
    return layers


@contextlib.contextmanager
def placing_arrays(path: str | os.PathLike) -> Iterator[None]:
    """Turns an error about arrays, which knows no file, into one that names it.

    Wrap what gives the arrays of `read_layers` their places in it: their number, shapes and types
    are the file's.

    Raises:
        ValueError: when the block fails because an array is missing or of another kind.
    """
    try:
        yield
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path}: its layers do not hold the arrays that belong to their names"
            f" ({type(error).__name__}: {error})"
        ) from error


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def _classic_layout(root: h5py.Group) -> dict[str, list[h5py.Dataset]]:
    groups = {_text(name): root[_text(name)] for name in root.attrs["layer_names"]}
    layers = {
        name: [group[_text(weight)] for weight in group.attrs.get("weight_names", ())]
        for name, group in groups.items()
    }
    return {name: datasets for name, datasets in layers.items() if datasets}


def _keras3_layout(root: h5py.Group) -> dict[str, list[h5py.Dataset]]:
    layers = {}

    def visit(path: str, node: h5py.Group | h5py.Dataset) -> None:
        if path.split("/")[-1] == "vars" and "name" in node.attrs and len(node):
            keys = sorted(filter(str.isdecimal, node), key=int)
            layers[_text(node.attrs["name"])] = [node[key] for key in keys]

    root.visititems(visit)
    return layers
