"""The part of Caffe's protobuf messages that weights are read from."""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PACKAGE = "deeplab_tf.caffe"
_FIELD = descriptor_pb2.FieldDescriptorProto
_ONE, _MANY = _FIELD.LABEL_OPTIONAL, _FIELD.LABEL_REPEATED
_BYTES, _INT32, _INT64 = _FIELD.TYPE_BYTES, _FIELD.TYPE_INT32, _FIELD.TYPE_INT64
_SHAPE, _POOLING = "BlobShape", "PoolingParameter"
# Message -> its fields: name, number in caffe.proto, label, type. What is not listed is skipped.
# Messages inside messages and packed numbers look on the wire as bytes do. Taken as such they are
# not copied into objects many times as large, and can be counted before they are looked at.
_MESSAGES: dict[str, tuple[tuple[str, int, int, int | str], ...]] = {
    "NetParameter": (("layers", 2, _MANY, _BYTES), ("layer", 100, _MANY, _BYTES)),
    "LayerParameter": (
        ("name", 1, _ONE, _BYTES),
        ("type", 2, _ONE, _BYTES),
        ("blobs", 7, _MANY, _BYTES),
        ("pooling_param", 121, _ONE, _POOLING),
    ),
    # `layer` is of the form before this one; `type` is an enumeration.
    "V1LayerParameter": (
        ("layer", 1, _ONE, _BYTES),
        ("name", 4, _ONE, _BYTES),
        ("type", 5, _ONE, _INT32),
        ("blobs", 6, _MANY, _BYTES),
        ("pooling_param", 19, _ONE, _POOLING),
    ),
    "BlobProto": (
        ("num", 1, _ONE, _INT32),
        ("channels", 2, _ONE, _INT32),
        ("height", 3, _ONE, _INT32),
        ("width", 4, _ONE, _INT32),
        ("data", 5, _MANY, _BYTES),
        ("shape", 7, _ONE, _SHAPE),
        ("double_data", 8, _MANY, _BYTES),
    ),
    _SHAPE: (("dim", 1, _MANY, _INT64),),
    _POOLING: (("kernel_size", 2, _ONE, _INT32),),
}


def _message_classes() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(
        name="deeplab_tf/caffe.proto", package=_PACKAGE, syntax="proto2"
    )
    for message, fields in _MESSAGES.items():
        described = file.message_type.add(name=message)
        for name, number, label, kind in fields:
            field = described.field.add(name=name, number=number, label=label)
            if isinstance(kind, str):
                field.type, field.type_name = _FIELD.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
            else:
                field.type = kind
    # A pool of its own: whoever has Caffe's own messages in this process keeps them.
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return {
        message: message_factory.GetMessageClass(
            pool.FindMessageTypeByName(f"{_PACKAGE}.{message}")
        )
        for message in _MESSAGES
    }


_CLASSES = _message_classes()
NetParameter = _CLASSES["NetParameter"]
LayerParameter = _CLASSES["LayerParameter"]
V1LayerParameter = _CLASSES["V1LayerParameter"]
BlobProto = _CLASSES["BlobProto"]
