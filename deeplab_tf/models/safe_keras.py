"""Reads the arguments of a DeepLab out of a `.keras` file, running nothing of the file.

A `.keras` file is a zip: `config.json` tells Keras which class of which module to call with what,
and Keras' own loader follows it. Here nothing in it is called: the outermost object has to be a
DeepLab, whose arguments are plain values, and its weights arrays.
"""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import h5py

from deeplab_tf.data.json_file import LARGEST_BYTES, parse_json
from deeplab_tf.weights.safe_hdf5 import check_expansion, check_hdf5

_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
_MEMBERS = ("metadata.json", _CONFIG, _WEIGHTS)
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 1  # a bit of a zip member's flags
_DEEPLAB = "deeplab_tf>DeepLab"
# How Keras 3 and 2 write a dtype policy; nothing else in the arguments of a DeepLab is an object.
_POLICIES = (("keras", "DTypePolicy"), ("keras.mixed_precision", "Policy"))
# Keys by which Keras knows an object that it has to make.
_OBJECT_KEYS = ("class_name", "registered_name", "module", "spec_name", "function_type")
_TRUST = (
    "If you know who made the file and trust it as you trust a program: "
    "deeplab_tf.load(path, safe_mode=False)."
)


class SafeFile(NamedTuple):
    """What a `.keras` file holds.

    Attributes:
        arguments: for `DeepLab`, plain values.
        weights: a file for its `load_weights`.
        numbers: how many numbers are in that file.
    """

    arguments: dict[str, Any]
    weights: Path
    numbers: int


def open_safely(path: str | os.PathLike, folder: str | os.PathLike) -> SafeFile:
    """Takes a `.keras` file apart: the arguments of its DeepLab, and its weights as a file.

    What the file says about training, a compiled loss or optimizer, is not read.

    Args:
        path: the file.
        folder: an empty one, for the weights: inside the zip HDF5 would take minutes to find them.

    Raises:
        ValueError: the file holds another model, names an object that is no part of a DeepLab, or
            its weights are no plain arrays of its size.
        zipfile.BadZipFile, zlib.error, OSError: the file is no zip, or damaged.
    """
    weights = Path(folder) / _WEIGHTS
    with zipfile.ZipFile(path) as archive:
        _check_members(archive, path)
        arguments = _read_arguments(archive, path)
        with archive.open(_WEIGHTS) as member, weights.open("wb") as file:
            shutil.copyfileobj(member, file)
    with h5py.File(weights) as file:
        numbers = check_hdf5(file, f"{path}: {_WEIGHTS}", weights.stat().st_size)
    return SafeFile(arguments, weights, numbers)


def _check_members(archive: zipfile.ZipFile, path: str | os.PathLike):
    members = archive.infolist()
    names = [member.filename for member in members]
    if sorted(names) != sorted(_MEMBERS):
        raise ValueError(
            f"{path}: a .keras file of a DeepLab holds {', '.join(_MEMBERS)}, each once. "
            f"Received: {names[:8]}."
        )
    if any(m.compress_type not in _COMPRESSIONS or m.flag_bits & _ENCRYPTED for m in members):
        raise ValueError(f"{path}: encrypted, or compressed otherwise than by deflate.")
    unpacked = sum(member.file_size for member in members)
    check_expansion(unpacked, os.path.getsize(path), path)


def _read_arguments(archive: zipfile.ZipFile, path: str | os.PathLike) -> dict[str, Any]:
    """Reads the arguments of the outermost object, which has to be a DeepLab."""
    with archive.open(_CONFIG) as member:
        saved = parse_json(member.read(LARGEST_BYTES + 1), f"{path}: {_CONFIG}")
    saved = saved if isinstance(saved, dict) else {}
    if saved.get("registered_name") != _DEEPLAB or not isinstance(saved.get("config"), dict):
        name = saved.get("registered_name") or saved.get("class_name")
        raise ValueError(f"{path}: holds a {_shown(name)}, not a deeplab_tf.DeepLab. {_TRUST}")
    arguments = {**saved["config"], "dtype": _dtype_name(saved["config"].get("dtype"))}
    _refuse_objects(arguments, path)
    name = arguments.get("name")
    if name is not None and not (isinstance(name, str) and name.isprintable()):
        raise ValueError(f"{path}: the name of a network is printable text, not {_shown(name)}.")
    return arguments


def _dtype_name(dtype: Any) -> Any:
    """Returns a dtype policy's name; everything else as it is."""
    if isinstance(dtype, dict) and (dtype.get("module"), dtype.get("class_name")) in _POLICIES:
        options = dtype.get("config")
        if isinstance(options, dict) and isinstance(options.get("name"), str):
            return options["name"]
    return dtype


def _refuse_objects(arguments: dict[str, Any], path: str | os.PathLike) -> None:
    """Refuses what Keras would make an object of, at any depth."""
    values = [arguments]
    while values:
        value = values.pop()
        if isinstance(value, dict):
            if any(value.get(key) for key in _OBJECT_KEYS):
                named = {key: value[key] for key in (*_OBJECT_KEYS, "config") if value.get(key)}
                raise ValueError(
                    f"{path}: names an object that is no part of a DeepLab: {_shown(named)}. "
                    f"{_TRUST}"
                )
            values += value.values()
        elif isinstance(value, list):
            values += value


def _shown(value: Any) -> str:
    """Quotes what a file holds, which may be anything, in one short line."""
    return repr(value)[:200]
