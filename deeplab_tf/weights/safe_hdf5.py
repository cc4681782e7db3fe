"""Checks an HDF5 file of weights before any number is read from it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import h5py

# What is unpacked may be so many times as large as its file. Weights hardly shrink: float32
# numbers of a trained network compress to nine tenths.
LARGEST_EXPANSION = 100
# A small file may hold many zeros, such as the biases of a new network.
_FREE_BYTES = 2**20


def check_expansion(unpacked: int, packed: int, source: str | os.PathLike) -> None:
    """Raises an error if a file grows out of proportion when it is unpacked.

    Args:
        unpacked: bytes that are declared.
        packed: bytes of the file.
        source: what the error message calls it.

    Raises:
        ValueError: it does.
    """
    if unpacked > LARGEST_EXPANSION * packed + _FREE_BYTES:
        raise ValueError(
            f"{source}: declares {unpacked} bytes in a file of {packed}; "
            f"more than {LARGEST_EXPANSION} times as many are not unpacked."
        )


def check_hdf5(file: h5py.File, source: str | os.PathLike, file_bytes: int) -> int:
    """Raises an error if a file of weights has other files read, or more numbers than it holds.

    HDF5 can point to other files (external links, virtual data sets), take the bytes of any file
    as its numbers (external storage), and declare far more numbers than it holds. Keras writes
    nothing of that, neither soft links nor a second name for anything.

    Args:
        file: the open file.
        source: what error messages call it.
        file_bytes: its size.

    Returns:
        How many numbers it holds.

    Raises:
        ValueError: the file does; the message names the part of it.
    """
    datasets, groups, seen = [], [file["/"]], {_address(file["/"])}
    while groups:
        group = groups.pop()
        for name in group:
            path = f"{group.name.rstrip('/')}/{name}"
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ValueError(f"{source}: {path!r} is a link to somewhere else.")
            item = group[name]
            if _address(item) in seen:
                raise ValueError(f"{source}: {path!r} is a second name of another part.")
            seen.add(_address(item))
            if isinstance(item, h5py.Group):
                groups.append(item)
            elif isinstance(item, h5py.Dataset):
                if item.external or item.is_virtual:
                    raise ValueError(f"{source}: {path!r} keeps its numbers in other files.")
                if item.dtype.hasobject:
                    raise ValueError(f"{source}: {path!r} holds no numbers.")
                datasets.append(item)
    check_expansion(unpacked_bytes(datasets), file_bytes, source)
    return sum(dataset.size or 0 for dataset in datasets)


def unpacked_bytes(datasets: Iterable[h5py.Dataset]) -> int:
    """Returns how many bytes reading data sets takes."""
    return sum((dataset.size or 0) * dataset.dtype.itemsize for dataset in datasets)


def _address(item: Any) -> int:
    return h5py.h5o.get_info(item.id).addr
