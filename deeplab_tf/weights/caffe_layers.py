"""The arrays of Caffe's layers as ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from deeplab_tf.weights.caffe_file import CaffeLayer
from deeplab_tf.weights.weight_source import Arrays

_Blobs = Sequence[np.ndarray]


def converted(layer: CaffeLayer) -> Arrays:
    """Returns a layer's arrays as ours: kernels HWIO, and what a normalisation's parts are called.

    Args:
        layer: one with numbers.

    Returns:
        Arrays by what we call them, such as `kernel`; `blob0`, ... of a type that we do not have.

    Raises:
        ValueError: they are not what belongs to the layer's type.
    """
    if layer.kind not in _CONVERSIONS:
        return {f"blob{i}": blob for i, blob in enumerate(layer.blobs)}
    convert, numbers = _CONVERSIONS[layer.kind]
    if len(layer.blobs) not in numbers:
        wanted = " or ".join(map(str, numbers))
        raise ValueError(
            f"{layer.name!r} has {len(layer.blobs)} blobs, a {layer.kind} has {wanted}"
        )
    try:
        return convert(layer.blobs)
    except ValueError as error:
        raise ValueError(f"{layer.name!r}, a {layer.kind}: {error}") from None


def _convolution(blobs: _Blobs) -> Arrays:
    if blobs[0].ndim != 4:
        raise ValueError(f"its kernel has shape {blobs[0].shape}, not one of four sides")
    return {"kernel": blobs[0].transpose(2, 3, 1, 0), **_vectors(("bias",), blobs[1:])}


def _dense(blobs: _Blobs) -> Arrays:
    kernel = blobs[0]
    if kernel.ndim < 2 or kernel.size != kernel.shape[-2] * kernel.shape[-1]:
        raise ValueError(f"its kernel has shape {kernel.shape}, not that of a matrix")
    return {"kernel": kernel.reshape(kernel.shape[-2:]).T, **_vectors(("bias",), blobs[1:])}


def _statistics(blobs: _Blobs) -> Arrays:
    """Divides Caffe's sums by its third number, which grows with every update."""
    total = blobs[2]
    if total.size != 1:
        raise ValueError(f"its factor has shape {total.shape}, not that of one number")
    factor = np.divide(1, total, out=np.zeros_like(total), where=total != 0)
    vectors = _vectors(("moving_mean", "moving_variance"), blobs[:2])
    return {part: array * factor.item() for part, array in vectors.items()}


def _affine(blobs: _Blobs) -> Arrays:
    return _vectors(("gamma", "beta"), blobs)


def _vectors(parts: Sequence[str], blobs: _Blobs) -> Arrays:
    """Names vectors, to which old files give four sides."""
    for part, blob in zip(parts, blobs, strict=False):
        if blob.size != max(blob.shape, default=1):
            raise ValueError(f"its {part} has shape {blob.shape}, not that of a vector")
    return {part: blob.reshape(-1) for part, blob in zip(parts, blobs, strict=False)}


# Type -> how its blobs become ours, and how many there may be.
_CONVERSIONS: dict[str, tuple[Callable[[_Blobs], Arrays], tuple[int, ...]]] = {
    "Convolution": (_convolution, (1, 2)),
    "InnerProduct": (_dense, (1, 2)),
    "BatchNorm": (_statistics, (3,)),
    "Scale": (_affine, (1, 2)),
}
