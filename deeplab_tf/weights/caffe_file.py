"""Layers of a `.caffemodel` file, read without Caffe."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from google.protobuf.message import DecodeError

from deeplab_tf.data.paths import user_path
from deeplab_tf.weights.caffe_schema import (
    BlobProto,
    LayerParameter,
    NetParameter,
    V1LayerParameter,
)
from deeplab_tf.weights.weight_source import check_file

# Protobuf's own limit of a message, and more layers, blobs and axes than any net has: Caffe's own
# limit of axes is 32. It writes the numbers of a blob in one piece; protobuf allows several.
_LARGEST_FILE = 2**31 - 1
_MOST_LAYERS = 20_000
_MOST_BLOBS = 32
_MOST_AXES = 32
_MOST_PIECES = 1000
# Numbers of the old enumeration whose layers have weights -> the name that replaced them.
_OLD_TYPES = {4: "Convolution", 14: "InnerProduct", 39: "Deconvolution"}


class CaffeLayer(NamedTuple):
    """A layer that has numbers, or pools.

    Attributes:
        name: in the net.
        kind: Caffe's type, such as `Convolution`.
        blobs: float32 arrays in Caffe's order: a convolution has its kernel
            [output, input, height, width], then its bias.
        pool_size: side of the window of a pool; 0 for all others.
    """

    name: str
    kind: str
    blobs: list[np.ndarray]
    pool_size: int = 0


def read_layers(path: str | os.PathLike) -> list[CaffeLayer]:
    """Reads the layers that have numbers and the pools, in the order of the file.

    Both forms are read: the messages `layer` of Caffe since 2014, and the messages `layers` before,
    whose blobs have four sides whatever they hold.

    Args:
        path: a binary NetParameter, as Caffe's solver writes it.

    Returns:
        The layers; others are left out.

    Raises:
        ValueError: the file is missing, damaged, cut off, too large for a protobuf message or no
            NetParameter, holds no numbers, or numbers that do not fill the shape beside them.
    """
    path = user_path(path)
    check_file(path)
    try:
        layers = [layer for layer in _layers(path) if layer.blobs or layer.pool_size]
    except (DecodeError, ValueError) as error:
        reason = str(error)
        if isinstance(error, DecodeError):
            size = path.stat().st_size
            reason = f"it is no protobuf message, or cut off ({size} bytes). Copy it anew"
        raise ValueError(
            f"{path} cannot be read as a .caffemodel file of Caffe: {reason}"
        ) from error
    if not any(layer.blobs for layer in layers):
        raise ValueError(
            f"{path} holds no layers with weights: give the binary .caffemodel, not the .prototxt"
            " or .solverstate beside it"
        )
    return layers


def _layers(path: Path) -> Iterator[CaffeLayer]:
    size = path.stat().st_size
    if size > _LARGEST_FILE:
        raise ValueError(f"it has {size} bytes, more than the 2 GiB of a protobuf message")
    net = NetParameter.FromString(path.read_bytes())
    if len(net.layer) + len(net.layers) > _MOST_LAYERS:
        raise ValueError(f"it has {len(net.layer) + len(net.layers)} layers, over {_MOST_LAYERS}")
    for content in net.layers:
        old = V1LayerParameter.FromString(content)
        if old.HasField("layer"):
            raise ValueError(
                "its layers are of the form before 2014; Caffe's upgrade_net_proto_binary brings it"
                " to the present one"
            )
        yield _layer(old, _OLD_TYPES.get(old.type, f"type {old.type}"))
    for content in net.layer:
        new = LayerParameter.FromString(content)
        yield _layer(new, _text(new.type))


def _layer(message: Any, kind: str) -> CaffeLayer:
    name = _text(message.name)
    if len(message.blobs) > _MOST_BLOBS:
        raise ValueError(f"its layer {name!r} has {len(message.blobs)} blobs, over {_MOST_BLOBS}")
    blobs = [_array(name, blob) for blob in message.blobs]
    return CaffeLayer(name, kind, blobs, message.pooling_param.kernel_size)


def _array(name: str, content: bytes) -> np.ndarray:
    blob = BlobProto.FromString(content)
    if len(blob.shape.dim) > _MOST_AXES:
        raise ValueError(f"a blob of its layer {name!r} has {len(blob.shape.dim)} axes")
    old_shape = (blob.num, blob.channels, blob.height, blob.width)
    shape = tuple(blob.shape.dim) if blob.HasField("shape") else old_shape
    kind, parts = ("<f8", blob.double_data) if blob.double_data else ("<f4", blob.data)
    if len(parts) > _MOST_PIECES:
        raise ValueError(f"a blob of its layer {name!r} is in {len(parts)} pieces")
    data = b"".join(parts)
    # Python's whole numbers have no largest one, so sides of any size are compared rightly.
    if min(shape, default=0) < 0 or math.prod(shape) * np.dtype(kind).itemsize != len(data):
        raise ValueError(
            f"a blob of its layer {name!r} has shape {shape} and {len(data)} bytes of {kind}."
            " Copy it anew"
        )
    with np.errstate(over="ignore"):
        return np.frombuffer(data, kind).astype(np.float32).reshape(shape)


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")
