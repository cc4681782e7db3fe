"""Polygons, lines and ellipses as masks.

A pixel belongs to a figure where its centre lies inside, so that neighbours that share an edge
share no pixel. (Pillow rounds corners down to whole pixels and paints the outline besides.)
Coordinates are x to the right and y down, from the upper left corner of the upper left pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from deeplab_tf.data.sources.region import Region, Size, box, meets


def as_points(values: Any, at_least: int) -> np.ndarray:
    """Returns points as float64 ``[n, 2]``.

    Args:
        values: pairs of x and y.
        at_least: how many there have to be.

    Raises:
        ValueError: they are none.
    """
    points = np.asarray(values, np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        raise ValueError("points must be pairs [x, y] of finite numbers")
    if len(points) < at_least:
        raise ValueError(f"{len(points)} point(s), at least {at_least} are needed")
    return points


def polygon(points: np.ndarray, size: Size) -> Region:
    """Fills a polygon; where it crosses itself, what is inside an odd number of times.

    Args:
        points: float ``[n, 2]``, the corners.
        size: height and width of the image.

    Returns:
        The part of the image that the polygon spans.

    Raises:
        ValueError: it lies outside the image.

    Example:
        >>> polygon(np.array([[1, 0], [3, 0], [3, 2], [1, 2]]), (9, 9)).mask.tolist()
        [[True, True], [True, True]]
    """
    top, bottom, left, right = box(points, 0, size)
    x1, y1 = points.T - 0.5  # centres of pixels are whole numbers now
    x2, y2 = np.roll(x1, -1), np.roll(y1, -1)
    rows = np.arange(top, bottom)[:, None]
    row, edge = np.nonzero((y1 <= rows) != (y2 <= rows))
    slope = (x2 - x1)[edge] / (y2 - y1)[edge]
    crossing = x1[edge] + (row + top - y1[edge]) * slope
    flips = np.zeros([bottom - top, right - left + 1], np.uint8)
    np.add.at(flips, (row, np.clip(np.ceil(crossing), left, right).astype(int) - left), 1)
    parity = flips.cumsum(axis=1, dtype=np.uint8)[:, :-1] & 1  # 256 wraps to 0: even stays even
    return Region(top, left, parity.astype(bool))


def rectangle(corners: Any, size: Size, angle: float = 0) -> Region:
    """Fills a rectangle.

    Args:
        corners: two opposite ones, each x and y.
        size: height and width of the image.
        angle: degrees by which it is turned clockwise about its centre.

    Raises:
        ValueError: it lies outside the image.
    """
    (x1, y1), (x2, y2) = as_points(corners, 2)
    points = np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]])
    return polygon(turned(points, points.mean(axis=0), angle), size)


def turned(points: np.ndarray, centre: Sequence[float] | np.ndarray, angle: float) -> np.ndarray:
    """Returns points turned clockwise.

    Args:
        points: float ``[n, 2]``.
        centre: x and y of what they turn about.
        angle: in degrees.
    """
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return (points - centre) @ np.array([[cos, sin], [-sin, cos]]) + centre


def stroke(points: np.ndarray, width: float, size: Size) -> Region:
    """Draws a line through points, with round ends; of one point, a disc.

    Args:
        points: float ``[n, 2]``.
        width: of the line in pixels.
        size: height and width of the image.

    Raises:
        ValueError: it lies outside the image.
    """
    top, bottom, left, right = box(points, width / 2, size)
    mask = np.zeros([bottom - top, right - left], bool)
    for start, end in zip(points, points[1:] if len(points) > 1 else points, strict=False):
        part = np.array([start, end])
        if not meets(part, width / 2, size):
            continue
        t, b, x, r = box(part, width / 2, size)
        where = np.stack(np.meshgrid(np.arange(x, r), np.arange(t, b)), -1) + 0.5 - start
        along = end - start
        share = np.clip(where @ along / max(along @ along, 1e-12), 0, 1)
        near = np.linalg.norm(where - share[..., None] * along, axis=-1) <= width / 2
        mask[t - top : b - top, x - left : r - left] |= near
    return Region(top, left, mask)


def ellipse(centre: Any, radii: Sequence[float], size: Size, angle: float = 0) -> Region:
    """Fills an ellipse.

    Args:
        centre: x and y.
        radii: half its width and half its height, in pixels.
        size: height and width of the image.
        angle: degrees by which it is turned clockwise about its centre.

    Raises:
        ValueError: it lies outside the image, or has no area.
    """
    middle = as_points([centre], 1)
    if not (radii[0] > 0 and radii[1] > 0):
        raise ValueError(f"radii must be above 0, received {radii[0]} and {radii[1]}")
    top, bottom, left, right = box(middle, max(radii), size)
    where = np.stack(np.meshgrid(np.arange(left, right), np.arange(top, bottom)), -1) + 0.5
    offsets = (turned(where, middle[0], -angle) - middle[0]) / np.asarray(radii)
    return Region(top, left, np.linalg.norm(offsets, axis=-1) <= 1)
