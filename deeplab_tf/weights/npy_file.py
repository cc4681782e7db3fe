"""Arrays by layer in a `.npy` file, read without running the pickle that it is."""

from __future__ import annotations

import collections
import os
import pickle
import re
import tokenize
import warnings
from typing import Any

import numpy as np

from deeplab_tf.data.paths import user_path
from deeplab_tf.weights.plain_pickle import OPCODES, PlainUnpickler
from deeplab_tf.weights.safe_hdf5 import check_expansion
from deeplab_tf.weights.weight_source import check_file

Layers = dict[str, dict[str, np.ndarray]]
_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
_ARRAY_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")
# What a list of arrays holds, as the VGG-16 that goes round as vgg16.npy has them.
_LISTED = ("weights", "biases")
_PICKLE_ERRORS = (
    pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError,
    OverflowError, MemoryError, ImportError, RuntimeError, SyntaxError, tokenize.TokenError,
)  # fmt: skip


class _Type:
    """What a dtype in the pickle says."""

    def __init__(self, name: Any, *_: Any):
        self.name, self.order = name, "="

    def __setstate__(self, state: tuple) -> None:
        self.order = state[1]


class _Array:
    """What an array in the pickle says."""

    shape: tuple[int, ...]

    def __setstate__(self, state: tuple) -> None:
        _, self.shape, self.dtype, self.is_fortran, self.content = state


class _ArrayUnpickler(PlainUnpickler):
    """Makes dicts, lists and what stands for arrays, and nothing else."""

    opcodes = OPCODES | {
        "LONG", "SHORT_BINBYTES", "BINBYTES", "BINSTRING", "SHORT_BINSTRING", "FRAME", "MEMOIZE",
        "SHORT_BINUNICODE", "STACK_GLOBAL",
    }  # fmt: skip
    writer = "numpy.save"
    refusal = "which arrays do not need and which is not run"

    def stand_ins(self) -> dict[tuple[str, str], Any]:
        """Returns what stands for the names of arrays."""
        return {
            ("collections", "OrderedDict"): collections.OrderedDict,
            ("numpy", "ndarray"): None,
            ("numpy", "dtype"): lambda *arguments: _Type(*arguments),
            ("_codecs", "encode"): lambda text, coding: text.encode("latin1"),
            **{(module, "_reconstruct"): lambda *_: _Array() for module in _ARRAY_MODULES},
        }


def read_layers(path: str | os.PathLike) -> Layers:
    """Reads a dict of layers that `numpy.save` wrote, by Python 2 or 3.

    Args:
        path: `.npy`, with `{layer: {name: array}}`, as caffe-tensorflow writes, or
            `{layer: [weights, biases]}`.

    Returns:
        Arrays by layer and name; those of a list are called `weights` and `biases`.

    Raises:
        ValueError: the file is missing, damaged, holds something else, or asks for code.
    """
    path = user_path(path)
    check_file(path)
    try:
        with open(path, "rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd texts in a damaged header
            read_header = _READERS[np.lib.format.read_magic(file)]
            shape, _, dtype = read_header(file)
            if shape != () or dtype.kind != "O":
                raise ValueError(f"it holds an array of {dtype} {shape}, not a dict of layers")
            # Python 2 writes bytes as text.
            value = _contents(_ArrayUnpickler(file, encoding="latin1").load())
        stored = {str(name): _stored(str(name), arrays) for name, arrays in value.items()}
        # Arrays can show the same numbers again and again.
        unpacked = sum(
            len(array.content) for arrays in stored.values() for array in arrays.values()
        )
        check_expansion(unpacked, path.stat().st_size, path.name)
        layers = {
            layer: {name: _array(f"{layer}/{name}", array) for name, array in arrays.items()}
            for layer, arrays in stored.items()
        }
    except _PICKLE_ERRORS as error:
        reason = str(error) if isinstance(error, ValueError | pickle.UnpicklingError) else ""
        raise ValueError(
            f"{path} cannot be read as a .npy file of layers: "
            f"{reason or f'{type(error).__name__} {error}'.rstrip()}"
        ) from error
    if not any(layers.values()):
        raise ValueError(f"{path} holds no arrays by layer")
    return layers


def _contents(outer: Any) -> dict:
    """Returns the dict that an array of one object holds."""
    content = outer.content[0] if isinstance(outer, _Array) and len(outer.content) == 1 else outer
    if not isinstance(content, dict):
        raise ValueError(f"it holds a {type(content).__name__}, not a dict of layers")
    return content


def _stored(layer: str, value: Any) -> dict[str, _Array]:
    if isinstance(value, list | tuple) and len(value) <= len(_LISTED):
        value = dict(zip(_LISTED, value, strict=False))
    if not isinstance(value, dict) or not all(isinstance(a, _Array) for a in value.values()):
        raise ValueError(f"its layer {layer!r} holds something else than arrays")
    return {str(name): array for name, array in value.items()}


def _array(name: str, stored: _Array) -> np.ndarray:
    content = stored.content.encode("latin1") if isinstance(stored.content, str) else stored.content
    # Whole numbers, and reals of two to eight bytes, as NumPy writes them.
    is_number = re.fullmatch(r"[iu][1248]|f[248]", str(stored.dtype.name))
    dtype = np.dtype(stored.dtype.name).newbyteorder(stored.dtype.order) if is_number else None
    if dtype is None or not isinstance(content, bytes):
        raise ValueError(f"{name}: holds {stored.dtype.name}, not numbers")
    # Numbers that do not fill the shape are an error of reshape.
    shape = stored.shape[::-1] if stored.is_fortran else stored.shape
    with np.errstate(over="ignore"):
        array = np.frombuffer(content, dtype).astype(np.float32).reshape(shape)
    return array.T if stored.is_fortran else array
