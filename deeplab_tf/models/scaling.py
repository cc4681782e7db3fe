"""Sizes of images that are scored at several scales: grids of all scales fit exactly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import tensorflow as tf

from deeplab_tf.layers.resize import resize

# Finer fractions would have images padded by hundreds of pixels.
LARGEST_DENOMINATOR = 64
# Of a network, and of a predictor on top: time and memory grow with their number.
MOST_SCALES = 32


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


def round_up(size: Any, multiple: int) -> Any:
    """Returns the next side `k * multiple + 1`, of a number or a tensor."""
    # Divides nothing negative: ONNX rounds towards zero there.
    return (size + multiple - 2) // multiple * multiple + 1


def rescale(images: tf.Tensor, scale: float) -> tf.Tensor:
    """Resizes images [B, H, W, C], sides `k * m + 1` with m of `grid_multiple`, by a scale."""
    if scale == 1.0:
        return images
    ratio = _ratio(scale)
    sides = tf.unstack(tf.shape(images)[1:3])
    return resize(images, [(n - 1) * ratio.numerator // ratio.denominator + 1 for n in sides])


def _ratio(scale: float) -> Fraction:
    return Fraction(scale).limit_denominator(LARGEST_DENOMINATOR)
