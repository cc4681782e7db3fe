"""Sizes at which a network is run at several scales: the grids of all scales fit exactly."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import TypeVar

import tensorflow as tf

# Finer fractions would have images padded by hundreds of pixels.
LARGEST_DENOMINATOR = 64
# Of a network, and of a predictor on top: time and memory grow with their number.
MOST_SCALES = 32
# Time and memory grow with the square of a scale.
LARGEST_SCALE = 8

Size = TypeVar("Size", int, tf.Tensor)


def checked_scales(scales: Iterable[float]) -> tuple[float, ...]:
    """Returns the scales that images are computed at as a tuple of floats.

    Args:
        scales: factors on the sides of images.

    Raises:
        ValueError: there are none or too many, one is not positive or too large, or they are no
            simple fractions.
    """
    scales = tuple(float(scale) for scale in scales)
    bounded = len(scales) <= MOST_SCALES and all(0 < scale <= LARGEST_SCALE for scale in scales)
    if not scales or not bounded or grid_multiple(1, scales) > LARGEST_DENOMINATOR:
        shown = scales if len(scales) <= MOST_SCALES else f"{len(scales)} of them"
        raise ValueError(
            f"scales must be 1 to {MOST_SCALES} positive simple fractions of at most "
            f"{LARGEST_SCALE}, such as (0.5, 0.75, 1.0, 1.25). Received: scales={shown}"
        )
    return scales


def grid_multiple(stride: int, scales: Sequence[float]) -> int:
    """Returns m so that an image of sides `k * m + 1` has sides `j * stride + 1` at every scale.

    Args:
        stride: input pixels between two logits at scale 1.
        scales: factors on the image's sides.

    Example:
        >>> grid_multiple(8, (1.0, 0.75, 0.5))
        32
    """
    return stride * math.lcm(*(_ratio(scale).denominator for scale in scales))


def round_up(size: Size, multiple: int) -> Size:
    """Returns the next side `k * multiple + 1`, of a number or a tensor.

    Example:
        >>> round_up(41, 8), round_up(42, 8)
        (41, 49)
    """
    # Divides nothing negative: ONNX rounds towards zero there.
    return (size + multiple - 2) // multiple * multiple + 1


def scaled_sides(sides: Iterable[Size], scale: float) -> list[Size]:
    """Returns sides of the form `k * m + 1`, with m of `grid_multiple`, times a scale.

    Example:
        >>> scaled_sides([65, 97], 0.75)
        [49, 73]
    """
    ratio = _ratio(scale)
    return [(side - 1) * ratio.numerator // ratio.denominator + 1 for side in sides]


def _ratio(scale: float) -> Fraction:
    return Fraction(scale).limit_denominator(LARGEST_DENOMINATOR)
