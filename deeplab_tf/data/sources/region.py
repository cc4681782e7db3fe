"""Masks of parts of an image: placed, joined, and decoded from run lengths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

Size = tuple[int, int]
# More are no image, but a mistake or an attack.
LARGEST_PIXELS = 2**30


class Region(NamedTuple):
    """A mask of a part of an image.

    Attributes:
        top: row of its first pixel.
        left: column of its first pixel.
        mask: bool ``[height, width]``.
    """

    top: int
    left: int
    mask: np.ndarray


def bitmap(mask: np.ndarray, top: int, left: int, size: Size) -> Region:
    """Places a mask in an image, without what lies beside it.

    Args:
        mask: ``[height, width]``; true, or not 0, where the figure is.
        top: row of its first pixel.
        left: column of its first pixel.
        size: height and width of the image.

    Raises:
        ValueError: it lies outside the image.
    """
    above, before = max(-top, 0), max(-left, 0)
    inside = mask[above : max(size[0] - top, 0), before : max(size[1] - left, 0)] != 0
    if not inside.size:
        raise ValueError(_OUTSIDE)
    return Region(top + above, left + before, inside)


def union(regions: Sequence[Region]) -> Region:
    """Joins the parts of an object.

    Args:
        regions: at least one.
    """
    if len(regions) == 1:
        return regions[0]
    top, left = min(r.top for r in regions), min(r.left for r in regions)
    bottom = max(r.top + r.mask.shape[0] for r in regions)
    right = max(r.left + r.mask.shape[1] for r in regions)
    joined = np.zeros([bottom - top, right - left], bool)
    for region in regions:
        height, width = region.mask.shape
        y, x = region.top - top, region.left - left
        joined[y : y + height, x : x + width] |= region.mask
    return Region(top, left, joined)


def run_lengths(counts: Sequence[int], height: int, width: int, by_columns: bool) -> np.ndarray:
    """Decodes run lengths: so many pixels outside, so many inside, and so on.

    Args:
        counts: of pixels in turn; the first run is outside.
        height: in pixels.
        width: in pixels.
        by_columns: whether columns follow each other, as in COCO, and not rows.

    Returns:
        bool ``[height, width]``.

    Raises:
        ValueError: they are not as many pixels as the mask has.
    """
    runs = np.asarray(counts, np.int64)
    pixels = height * width
    if pixels > LARGEST_PIXELS or runs.ndim != 1 or (runs < 0).any() or sum(counts) != pixels:
        raise ValueError(f"run lengths do not make a mask of {width} x {height} pixels")
    inside = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return inside.reshape(width, height).T if by_columns else inside.reshape(height, width)


_OUTSIDE = "lies outside the image"


def box(points: np.ndarray, margin: float, size: Size) -> tuple[int, int, int, int]:
    """Returns top, bottom, left and right of what points span within the image.

    Args:
        points: float ``[n, 2]``, x and y.
        margin: around them, in pixels.
        size: height and width of the image.

    Raises:
        ValueError: they lie outside the image.
    """
    if not meets(points, margin, size):
        raise ValueError(_OUTSIDE)
    limits = size[1], size[0]
    low = np.clip(np.floor(points.min(axis=0) - margin), 0, limits).astype(int)
    high = np.clip(np.ceil(points.max(axis=0) + margin), 0, limits).astype(int)
    return int(low[1]), int(high[1]), int(low[0]), int(high[0])


def meets(points: np.ndarray, margin: float, size: Size) -> bool:
    """Returns whether what points span, and a margin around it, lies in the image in part."""
    low, high = points.min(axis=0) - margin, points.max(axis=0) + margin
    return bool((high >= 0).all() and low[0] <= size[1] and low[1] <= size[0])
