"""Tensors of a file that `torch.save` wrote, read without PyTorch and without running its code."""

from __future__ import annotations

import io
import math
import os
import pickle
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np

from deeplab_tf.data.paths import user_path
from deeplab_tf.weights.safe_hdf5 import check_expansion
from deeplab_tf.weights.torch_pickle import Storage, Tensor, TensorUnpickler

# What the files before PyTorch 1.6 start with, each in a pickle of its own.
_LEGACY_HEADER = (0x1950A86A20F9469CFC6C, 1001)
_LARGEST_PICKLE = 64 * 2**20
_BIG_ENDIAN = "its numbers are big-endian, which is not read"
# What a damaged pickle, or one made to do harm, raises while it is read.
_PICKLE_ERRORS = (
    pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError,
    OverflowError, MemoryError, ImportError, RuntimeError, struct.error,
)  # fmt: skip


ReadStorage = Callable[[Storage], bytes]


def read_tensors(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Reads the tensors of a state dict.

    A pickle is a program; this reader runs none of it but the making of dicts and tensors, and
    refuses every other name that the file asks for. Both layouts are read: the zip archive, and
    that of files before PyTorch 1.6.

    Args:
        path: `.pt` or `.pth`, with a state dict, or a dict that has one beside other plain values,
            as checkpoints of a training have.

    Returns:
        Arrays by the names of the state dict, without the `module.` that DataParallel puts before
        each of them.

    Raises:
        ValueError: the file is missing, damaged or no file of `torch.save`, holds no tensors by
            name, or asks for code, as a whole pickled module does.
    """
    path = user_path(path)
    if not path.is_file():
        raise ValueError(f"weights file not found: {path}")
    try:
        with open(path, "rb") as file:
            is_zip = zipfile.is_zipfile(file)
            file.seek(0)
            value, read_storage = (_read_zip if is_zip else _read_legacy)(file)
            tensors = dict(_state_dict(value))
            # Tensors can show the same numbers again and again.
            unpacked = sum(math.prod(t.shape) * t.storage.dtype.itemsize for t in tensors.values())
            check_expansion(unpacked, path.stat().st_size, path.name)
            arrays = {name: _array(name, tensors[name], read_storage) for name in tensors}
    except (*_PICKLE_ERRORS, OSError, zipfile.BadZipFile) as error:
        reason = str(error) if isinstance(error, ValueError | pickle.UnpicklingError) else ""
        raise ValueError(
            f"{path} cannot be read as a file of torch.save: "
            f"{reason or f'{type(error).__name__} {error}'.rstrip()}"
        ) from error
    if not arrays:
        raise ValueError(f"{path} holds no tensors by name: save model.state_dict()")
    return arrays


# === The two layouts ===


def _read_zip(file: BinaryIO) -> tuple[Any, ReadStorage]:
    archive = zipfile.ZipFile(file)
    indices = [name for name in archive.namelist() if name.endswith("/data.pkl")]
    if len(indices) != 1:
        raise ValueError("the archive has no data.pkl")
    folder = indices[0].removesuffix("data.pkl")

    def read(name: str, largest: int) -> bytes:
        entry = archive.getinfo(folder + name)
        # torch.save compresses nothing, so that no part can be larger than the file.
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > largest:
            raise ValueError(f"{name} is compressed or larger than {largest} bytes")
        return archive.read(entry)

    if f"{folder}byteorder" in archive.namelist() and read("byteorder", 16) != b"little":
        raise ValueError(_BIG_ENDIAN)
    value = TensorUnpickler(io.BytesIO(read("data.pkl", _LARGEST_PICKLE))).load()
    return value, lambda storage: read(f"data/{storage.key}", storage.size)


def _read_legacy(file: BinaryIO) -> tuple[Any, ReadStorage]:
    header = tuple(TensorUnpickler(file).load() for _ in _LEGACY_HEADER)
    if header != _LEGACY_HEADER:
        raise ValueError("it does not start as torch.save starts a file")
    if not TensorUnpickler(file).load()["little_endian"]:
        raise ValueError(_BIG_ENDIAN)
    unpickler = TensorUnpickler(file)
    value = unpickler.load()
    places = {}
    for key in map(str, TensorUnpickler(file).load()):
        storage = unpickler.storages[key]
        count = int.from_bytes(file.read(8), "little")
        if count != storage.length:
            raise ValueError(f"storage {key} has {count} numbers, not {storage.length}")
        places[key] = file.tell()
        file.seek(storage.size, os.SEEK_CUR)

    def read(storage: Storage) -> bytes:
        file.seek(places[storage.key])
        return file.read(storage.size)

    return value, read


# === From the pickle to arrays ===


def _state_dict(value: Any) -> Iterator[tuple[str, Tensor]]:
    """Yields the tensors of the dict that has most of them, the outermost or one right inside."""
    inside = list(value.values()) if isinstance(value, Mapping) else []
    dicts = [_tensors_in(mapping) for mapping in (value, *inside) if isinstance(mapping, Mapping)]
    for name, tensor in max(dicts, key=len, default={}).items():
        yield name.removeprefix("module."), tensor


def _tensors_in(mapping: Mapping[Any, Any]) -> dict[str, Tensor]:
    return {str(name): item for name, item in mapping.items() if isinstance(item, Tensor)}


def _array(name: str, tensor: Tensor, read_storage: ReadStorage) -> np.ndarray:
    storage, offset, shape, strides = tensor
    numbers = np.frombuffer(read_storage(storage), storage.dtype)
    last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    is_inside = min(offset, *shape, *strides, 0) >= 0 and last < storage.length == len(numbers)
    # An expanded tensor would show one number many times.
    if math.prod(shape) > storage.length or not (is_inside or math.prod(shape) == 0):
        raise ValueError(f"{name}: a tensor of shape {shape} is not within its storage")
    if math.prod(shape) == 0:
        return np.zeros(shape, storage.dtype)
    bytes_ = tuple(step * storage.dtype.itemsize for step in strides)
    return np.lib.stride_tricks.as_strided(numbers[offset:], shape, bytes_).copy()
