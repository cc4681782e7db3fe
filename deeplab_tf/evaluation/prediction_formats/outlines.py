"""Outlines of regions as polygons, with their holes."""

from __future__ import annotations

import numpy as np

from deeplab_tf.evaluation.prediction_formats.regions import LabelRegion

# Pixels that a polygon may leave the outline by. Centres lie half a pixel from straight edges,
# which so keep their pixels, and 0.35 from slanting ones.
TOLERANCE = 0.4


def outline_polygon(region: LabelRegion, tolerance: float = TOLERANCE) -> np.ndarray:
    """Returns the outline of a region as one polygon.

    A hole is part of it: a cut of no width leads from the outline to the hole, around it and back
    the same way. Filled by the even-odd rule at the centres of pixels, the polygon is the region
    again, except for pixels that touch its outline.

    Args:
        region: the region.
        tolerance: pixels that the polygon may leave the outline by, for fewer points; 0 keeps
            every step, and the polygon is the region exactly.

    Returns:
        float [n, 2] of x and y in pixels; the upper left pixel spans 0 to 1.
    """
    from skimage.measure import find_contours

    padded = np.pad(region.mask, 1).astype(np.float32)
    # Regions are connected over edges, so diagonal neighbours are kept apart ("low").
    rings = find_contours(padded, 0.5, fully_connected="low")
    rings = [_simplified(ring[:-1, ::-1], tolerance) for ring in rings]
    areas = [abs(signed_area(ring)) for ring in rings]
    outer = rings.pop(int(np.argmax(areas)))
    for hole in sorted(rings, key=lambda ring: ring[:, 0].min()):
        outer = _joined(outer, hole)
    # The padding adds a pixel, and the centre of a pixel is half a pixel from its edge.
    return outer + np.array([region.left - 0.5, region.top - 0.5])


def signed_area(ring: np.ndarray) -> float:
    """Returns the area inside a ring of points, float [n, 2]; its sign is that of the direction."""
    x, y = ring.T
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def _simplified(ring: np.ndarray, tolerance: float) -> np.ndarray:
    """Leaves out points of a ring, unless that would change the area of something small or thin."""
    from skimage.measure import approximate_polygon

    closed = np.concatenate([ring, ring[:1]])
    fewer = approximate_polygon(closed, tolerance)[:-1]
    kept = len(fewer) > 2 and abs(signed_area(fewer) / signed_area(ring) - 1) < 0.2
    # Straight edges need no points between their ends.
    return fewer if kept else approximate_polygon(closed, 0)[:-1]


def _joined(outer: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Joins a hole to the ring around it by a cut to the left of its leftmost point.

    Holes that lie to the left have been joined before, so the ring that is met first is the one
    to cut from, whether it was the outline or another hole.
    """
    start = int(hole[:, 0].argmin())
    x, y = hole[start]
    (x1, y1), (x2, y2) = outer.T, np.roll(outer, -1, axis=0).T
    (edges,) = np.nonzero((y1 <= y) != (y2 <= y))
    crossings = x1[edges] + (y - y1[edges]) * (x2 - x1)[edges] / (y2 - y1)[edges]
    left = crossings <= x
    nearest = np.argmax(np.where(left, crossings, -np.inf))
    cut, at = [crossings[nearest], y], edges[nearest] + 1
    around = np.concatenate([hole[start:], hole[: start + 1]])
    return np.concatenate([outer[:at], [cut], around, [cut], outer[at:]])
