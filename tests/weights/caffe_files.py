"""Writes `.caffemodel` and `.prototxt` files byte by byte, without any protobuf library.

A net is a list of `Layer`; weights are {name of a layer: [arrays]}, in Caffe's form.
"""

from typing import Any, NamedTuple

import numpy as np

# The enumeration of `layers` before 2014, as far as our nets have its types.
OLD_TYPES = {"Convolution": 4, "InnerProduct": 14, "Pooling": 17, "ReLU": 18, "Eltwise": 25}


class Layer(NamedTuple):
    """A layer: its type, its name, what it reads, and the values of its parameter message."""

    kind: str
    name: str
    bottoms: tuple[str, ...]
    options: dict[str, Any]


def varint(number):
    """Seven bits a byte, the lowest first; negative numbers take ten bytes."""
    number %= 2**64
    out = bytearray()
    while number > 127:
        out.append(number % 128 + 128)
        number //= 128
    return bytes([*out, number])


def whole_number(field, number):
    return varint(field * 8) + varint(number)


def message(field, *parts):
    content = b"".join(part.encode() if isinstance(part, str) else part for part in parts)
    return varint(field * 8 + 2) + varint(len(content)) + content


def new_blob(array, dtype="<f4"):
    """A BlobProto with its shape and packed float or double numbers."""
    dims = message(1, *(varint(side) for side in array.shape))
    return message(7, dims), message(5 if dtype == "<f4" else 8, array.astype(dtype).tobytes())


def old_blob(array):
    """A BlobProto with four sides, those in front 1."""
    sides = (1,) * (4 - array.ndim) + array.shape
    numbers = (whole_number(field, side) for field, side in enumerate(sides, 1))
    return *numbers, message(5, array.astype("<f4").tobytes())


def pooling(field, side):
    """The parameters of a pool: MAX, the side of its window, its stride."""
    values = (whole_number(1, 0), whole_number(2, side), whole_number(3, 2))
    return message(field, *values) if side else b""


def new_layer(name, kind, blobs=(), blob=new_blob, pool=0):
    # 106, the convolution's parameters, is one of many fields that hold no weights.
    others = (message(3, "below"), message(4, name), message(106, whole_number(1, 64)))
    weights = (message(7, *blob(b)) for b in blobs)
    return message(100, message(1, name), message(2, kind), *others, *weights, pooling(121, pool))


def old_layer(name, kind, blobs=(), pool=0):
    number = OLD_TYPES.get(kind, 99)
    others = (message(2, "below"), message(3, name), message(10, whole_number(1, 64)))
    weights = (message(6, *old_blob(b)) for b in blobs)
    return message(
        2, *others, message(4, name), whole_number(5, number), *weights, pooling(19, pool)
    )


def caffemodel(net, weights, layer=new_layer):
    """The bytes of a NetParameter; `layer` is `new_layer` or `old_layer`."""
    layers = [
        layer(
            entry.name,
            entry.kind,
            weights.get(entry.name, ()),
            pool=entry.options["kernel_size"] if entry.kind == "Pooling" else 0,
        )
        for entry in net
    ]
    return message(1, "a net") + b"".join(layers)


def prototxt(net, height, width):
    """The text of the net for an input `data` [1, 3, height, width]."""
    sides = "".join(f" dim: {side}" for side in (1, 3, height, width))
    lines = [
        f'layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{{sides} }} }} }}'
    ]
    messages = {"ReLU": "relu_param", "BatchNorm": "batch_norm_param"}
    for kind, name, bottoms, options in net:
        below = "".join(f' bottom: "{bottom}"' for bottom in bottoms)
        values = " ".join(f"{key}: {value}" for key, value in options.items())
        param = messages.get(kind, f"{kind.lower()}_param")
        values = f" {param} {{ {values} }}" if values else ""
        lines.append(f'layer {{ name: "{name}" type: "{kind}"{below} top: "{name}"{values} }}')
    return "\n".join(lines)


def random_weights(net, channels_in=3, seed=0):
    """Random blobs for every layer of a net, so large that activations neither grow nor vanish."""
    rng = np.random.default_rng(seed)
    channels, weights = {"data": channels_in}, {}
    for kind, name, bottoms, options in net:
        inputs = channels[bottoms[0]]
        channels[name] = options.get("num_output", inputs)
        if kind == "Convolution":
            side = options["kernel_size"]
            shape = (options["num_output"], inputs, side, side)
            spread = np.sqrt(2 / np.prod(shape[1:])) / (60 if "data" in bottoms else 1)
            weights[name] = [rng.normal(0, spread, shape)]
            if options.get("bias_term") != "false":
                weights[name].append(rng.normal(0, 0.1, shape[0]))
        elif kind == "BatchNorm":
            mean, variance = rng.normal(0, 0.3, inputs), rng.uniform(0.5, 1.5, inputs)
            factor = np.array([999.98])
            weights[name] = [mean * factor, variance * factor, factor]
        elif kind == "Scale":
            # The last of a unit is added to what came into it.
            gamma = rng.uniform(0.1, 0.4, inputs) * (1 if name.endswith("2c") else 3)
            weights[name] = [gamma, rng.normal(0, 0.2, inputs)]
    return {name: [b.astype(np.float32) for b in blobs] for name, blobs in weights.items()}
