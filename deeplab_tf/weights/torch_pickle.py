"""The part of a pickle that a PyTorch state dict needs, and nothing that runs code."""

from __future__ import annotations

import collections
import pickle
from collections.abc import Sequence
from typing import Any, BinaryIO, NamedTuple

import ml_dtypes
import numpy as np

from deeplab_tf.weights.plain_pickle import PlainUnpickler

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


class TensorUnpickler(PlainUnpickler):
    """Makes dicts, tensors and plain values, and nothing else.

    Args:
        file: opened for reading bytes; more than the pickle may follow.
    """

    writer = "torch.save"
    refusal = "which a state dict does not need and which is not run; save model.state_dict()"

    def __init__(self, file: BinaryIO):
        super().__init__(file)
        self.storages: dict[str, Storage] = {}

    def stand_ins(self) -> dict[tuple[str, str], Any]:
        """Returns what stands for the names of tensors."""
        return {
            ("collections", "OrderedDict"): collections.OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
            ("torch._utils", "_rebuild_parameter"): lambda tensor, *_: tensor,
            **{("torch", storage): storage for storage in _ARRAY_TYPES},
        }

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
