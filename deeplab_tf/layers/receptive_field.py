"""Radii of receptive fields: how far layers see to each side."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def window_radius(taps: int, rate: int) -> int:
    """Returns how many pixels a centred window sees to its farther side.

    Args:
        taps: along a side.
        rate: distance of two taps in pixels.
    """
    return -(-(taps - 1) * rate // 2)


def chain_radius(layers: Iterable[Any]) -> int:
    """Returns how many pixels of its input a chain of layers sees to each side of an output.

    Args:
        layers: in order, each with `receptive_field_radius` in pixels of its own input and
            `strides`.

    Example:
        >>> from deeplab_tf.layers import AtrousConv2D
        >>> chain_radius([AtrousConv2D(1, 3, strides=2), AtrousConv2D(1, 3, dilation_rate=12)])
        25
    """
    radius, stride = 0, 1
    for layer in layers:
        radius += layer.receptive_field_radius * stride
        stride *= layer.strides
    return radius
