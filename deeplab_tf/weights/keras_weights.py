"""Files of `save_weights`, `.weights.h5`: read by the model's names, and written for publishing."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tensorflow as tf

from deeplab_tf.data.files import whole_file
from deeplab_tf.weights import keras_applications
from deeplab_tf.weights.safe_hdf5 import check_hdf5
from deeplab_tf.weights.trained_model import read_variables
from deeplab_tf.weights.weight_source import Arrays, Source, check_file

ENDING = ".weights.h5"
# Attribute of a data set: the name of its variable. Files of `write_weights` have it; where a data
# set lies in a file is another matter in every version of Keras.
_NAME = "variable"


def read_weights(path: str | os.PathLike, model: Any) -> Arrays:
    """Reads a `.weights.h5` file.

    Args:
        path: a file of `write_weights`, or of a DeepLab's `save_weights` in this version of Keras.
        model: a DeepLab of the same architecture; the number of classes may differ.

    Returns:
        Arrays by the names of the model's variables; what the file holds beside them by its place.

    Raises:
        ValueError: the file cannot be read, or holds more than plain arrays.
    """
    try:
        with h5py.File(path) as file:
            check_hdf5(file, path, os.path.getsize(path))
            places = _places(file, h5py.Dataset)
            names = {place: file[place].attrs.get(_NAME) for place in places}
            if not all(isinstance(name, str) for name in names.values()):
                names, _ = _layout(model)
            return {names.get(place, place): file[place][()] for place in places}
    except (OSError, KeyError) as error:
        raise ValueError(f"{path}: not a readable .weights.h5 file ({error}).") from error


def write_weights(model: Any, path: str | os.PathLike) -> None:
    """Writes the weights of a network at half their size, for publishing.

    Kernels are in float16; vectors, such as the statistics of normalisations, stay in float32.
    Keras' `load_weights` reads the file as it does any other, and `read_weights` on every version
    of Keras.

    Args:
        model: a DeepLab.
        path: the file, `.weights.h5`; an existing one is replaced.

    Raises:
        ValueError: a kernel has numbers that float16 lacks.
    """
    arrays = read_variables(model)
    names, groups = _layout(model)
    with whole_file(path) as temporary, h5py.File(temporary, "w") as file:
        for group in groups:  # Keras 2 wants those of layers without variables too
            file.require_group(group)
        for place, name in names.items():
            array = arrays[name]
            if array.ndim > 1:
                with np.errstate(over="ignore"):
                    array = array.astype(np.float16)
                if not np.isfinite(array).all():
                    raise ValueError(f"{path}: {name} has numbers that float16 lacks.")
            # Without times, so that the same weights give the same bytes.
            data = file.create_dataset(place, data=array, track_times=False)
            data.attrs[_NAME] = name


def is_published(path: str | os.PathLike) -> bool:
    """Whether a file is one that `write_weights` has written."""
    try:
        with h5py.File(path) as file:
            places = _places(file, h5py.Dataset)
            return bool(places) and all(_NAME in file[place].attrs for place in places)
    except OSError:
        return False


def _places(file: h5py.File, kind: type) -> list[str]:
    places: list[str] = []
    file.visititems(lambda name, item: places.append(name) if isinstance(item, kind) else None)
    return places


def _layout(model: Any) -> tuple[dict[str, str], list[str]]:
    """Returns which variable Keras writes at which place, and all groups of a file.

    A file of numbered variables tells it.
    """
    twin = type(model).from_config({**model.get_config(), "dtype": "float32"})
    names = list(twin.variables_by_name())
    for number, variable in enumerate(twin.variables_by_name().values()):
        variable.assign(tf.fill(variable.shape, tf.cast(number, variable.dtype)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"numbered{ENDING}"
        twin.save_weights(path)
        with h5py.File(path) as file:
            # Random states of a classifier of Keras are whole numbers.
            places = [p for p in _places(file, h5py.Dataset) if file[p].dtype.kind == "f"]
            found = {place: names[int(file[place][()].flat[0])] for place in places}
            return found, _places(file, h5py.Group)


def _read_source(text: str, model: Any) -> tuple[str, Arrays]:
    arrays = read_weights(text, model)
    if arrays.keys().isdisjoint(model.variables_by_name()):  # then those of a classifier of Keras
        return keras_applications.SOURCE.read(text, model)
    return text, arrays


SOURCE = Source(
    "the path of a .weights.h5 file that a DeepLab has saved",
    lambda text: text.lower().endswith(ENDING),
    _read_source,
    check_file,
)
