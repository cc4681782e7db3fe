"""The part of a pickle that a PyTorch state dict needs, and nothing that runs code."""

from __future__ import annotations

import collections
import pickle
import pickletools
from collections.abc import Sequence
from typing import Any, BinaryIO, NamedTuple

import ml_dtypes
import numpy as np

_ARRAY_TYPES = {
    "DoubleStorage": np.float64,
    "FloatStorage": np.float32,
    "HalfStorage": np.float16,
    "BFloat16Storage": ml_dtypes.bfloat16,
    "LongStorage": np.int64,
    "IntStorage": np.int32,
    "ShortStorage": np.int16,
    "CharStorage": np.int8,
    "ByteStorage": np.uint8,
    "BoolStorage": np.bool_,
}


# What pickle's protocol 2, the default of torch.save, writes of dicts, lists, tuples and numbers.
_OPCODES = {
    "PROTO", "STOP", "MARK", "GLOBAL", "REDUCE", "BUILD", "BINPERSID", "BINPUT", "LONG_BINPUT",
    "BINGET", "LONG_BINGET", "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2",
    "LONG1", "BINFLOAT", "BINUNICODE", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3",
    "EMPTY_LIST", "APPEND", "APPENDS", "EMPTY_DICT", "SETITEM", "SETITEMS",
}  # fmt: skip


class Storage(NamedTuple):
    """Numbers in the file that one or more tensors show."""

    key: str
    dtype: np.dtype
    length: int

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return self.length * self.dtype.itemsize


class Tensor(NamedTuple):
    """A window on a storage."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class TensorUnpickler(pickle.Unpickler):
    """Makes dicts, tensors and plain values, and nothing else.

    Args:
        file: opened for reading bytes; more than the pickle may follow.
    """

    def __init__(self, file: BinaryIO):
        super().__init__(file)
        self._file = file
        self.storages: dict[str, Storage] = {}

    def load(self) -> Any:
        """Returns the object of the next pickle in the file."""
        start = self._file.tell()
        for opcode, argument, place in pickletools.genops(self._file):
            # Opcodes that allocate what they declare, places of the memo among them.
            too_large = opcode.name == "LONG_BINPUT" and int(argument or 0) > int(place or 0)
            if opcode.name not in _OPCODES or too_large:
                raise pickle.UnpicklingError(
                    f"it has {opcode.name} {argument!r:.20} at byte {place}, which torch.save does "
                    "not write by default"
                )
        self._file.seek(start)
        return super().load()

    def find_class(self, module: str, name: str) -> Any:
        """Returns what stands for a name of the pickle; refuses all but those of tensors."""
        known: dict[tuple[str, str], Any] = {
            ("collections", "OrderedDict"): collections.OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
            ("torch._utils", "_rebuild_parameter"): lambda tensor, *_: tensor,
            **{("torch", storage): storage for storage in _ARRAY_TYPES},
        }
        if (module, name) not in known:
            raise pickle.UnpicklingError(
                f"it asks for {module}.{name}, which a state dict does not need and which is not "
                "run; save model.state_dict()"
            )
        return known[module, name]

    def persistent_load(self, pid: Any) -> Storage:
        """Returns the storage that the pickle refers to, and keeps it among `storages`."""
        _, storage_type, key, _, count, *_ = pid
        storage = Storage(str(key), np.dtype(_ARRAY_TYPES[storage_type]), int(count))
        self.storages[storage.key] = storage
        return storage


def _rebuild_tensor(
    storage: Storage, offset: int, shape: Sequence[int], strides: Sequence[int], *_: Any
) -> Tensor:
    if not isinstance(storage, Storage):
        raise pickle.UnpicklingError("a tensor has no storage")
    return Tensor(storage, int(offset), tuple(map(int, shape)), tuple(map(int, strides)))
