"""Runs the nets of `caffe_nets` in NumPy, as Caffe's layers are defined."""

import numpy as np


def run(net, weights, image):
    """Returns the last map [C, H, W] for an input [3, H, W]."""
    maps = {"data": image}
    for kind, name, bottoms, options in net:
        inputs = [maps[bottom] for bottom in bottoms]
        maps[name] = _LAYERS[kind](inputs, weights.get(name, []), options)
    return maps[net[-1].name]


def _taps(x, size, stride, rate, sides):
    """Yields, tap by tap, the pixels under it."""
    for row in range(size):
        for column in range(size):
            yield x[
                :,
                row * rate : row * rate + (sides[0] - 1) * stride + 1 : stride,
                column * rate : column * rate + (sides[1] - 1) * stride + 1 : stride,
            ]


def _convolution(inputs, blobs, options):
    kernel, size = blobs[0], options["kernel_size"]
    stride, pad, rate = options.get("stride", 1), options["pad"], options["dilation"]
    x = np.pad(inputs[0], ((0, 0), (pad, pad), (pad, pad)))
    span = (size - 1) * rate + 1
    sides = [(side - span) // stride + 1 for side in x.shape[1:]]
    out = np.zeros([kernel.shape[0], sides[0] * sides[1]], np.float32)
    weights = kernel.reshape(*kernel.shape[:2], -1).transpose(2, 0, 1)
    for weight, pixels in zip(weights, _taps(x, size, stride, rate, sides), strict=True):
        out += weight @ pixels.reshape(len(pixels), -1)
    out = out.reshape(-1, *sides)
    return out + blobs[1][:, None, None] if len(blobs) > 1 else out


def _pooling(inputs, blobs, options):
    size, stride, pad = options["kernel_size"], options["stride"], options["pad"]
    # Caffe rounds up, and lets no window begin behind the image and its padding before it.
    sides = []
    for side in inputs[0].shape[1:]:
        windows = -(-(side + 2 * pad - size) // stride) + 1
        sides.append(windows - ((windows - 1) * stride >= side + pad))
    is_max = options["pool"] == "MAX"
    x = np.pad(inputs[0], ((0, 0), *[(pad, pad + size)] * 2),
               constant_values=-np.inf if is_max else 0)  # fmt: skip
    taps = np.stack(list(_taps(x, size, stride, 1, sides)))
    return taps.max(axis=0) if is_max else taps.sum(axis=0) / size**2


def _batch_norm(inputs, blobs, options):
    mean, variance, factor = blobs
    factor = 1 / factor if factor else 0
    return (inputs[0] - (mean * factor)[:, None, None]) / np.sqrt(variance * factor + 1e-5)[
        :, None, None
    ]


def _interp(inputs, blobs, options):
    """Bilinear with the corners on the corners."""
    out = inputs[0]
    for axis in (1, 2):
        side = out.shape[axis]
        places = np.arange((side - 1) * options["zoom_factor"] + 1) / options["zoom_factor"]
        low = np.minimum(places.astype(int), side - 1)
        high = np.minimum(low + 1, side - 1)
        share = (places - low).astype(np.float32).reshape((-1, 1) if axis == 1 else (-1,))
        out = out.take(low, axis) * (1 - share) + out.take(high, axis) * share
    return out


_LAYERS = {
    "Convolution": _convolution,
    "Pooling": _pooling,
    "ReLU": lambda inputs, blobs, options: np.maximum(inputs[0], 0),
    "Eltwise": lambda inputs, blobs, options: sum(inputs),
    "BatchNorm": _batch_norm,
    "Scale": lambda inputs, blobs, options: (
        inputs[0] * blobs[0][:, None, None] + blobs[1][:, None, None]
    ),
    "Interp": _interp,
}
