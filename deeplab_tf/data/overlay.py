"""Paints labels over an image."""

from __future__ import annotations

import numpy as np


def overlay_labels(
    image: np.ndarray,
    labels: np.ndarray,
    palette: bytes,
    opacity: float = 0.5,
    unpainted: int | None = None,
) -> np.ndarray:
    """Paints labels over an image.

    Args:
        image: uint8 RGB ``[height, width, 3]``.
        labels: ids 0..255 ``[height, width]``.
        palette: 768 bytes, from `palette_bytes`.
        opacity: 0 shows the image only, 1 the colours only.
        unpainted: an id where the image alone is seen, such as void; None for none.

    Returns:
        uint8 RGB ``[height, width, 3]``.

    Example:
        >>> image, labels = np.full((1, 2, 3), 100, np.uint8), np.array([[0, 1]])
        >>> overlay_labels(image, labels, bytes([0, 0, 0, 200, 0, 0]) + bytes(762)).tolist()
        [[[50, 50, 50], [150, 50, 50]]]
    """
    colors = np.frombuffer(palette, np.uint8).reshape(256, 3)
    painted = np.empty([*labels.shape, 3], np.uint8)
    for row, pixels, ids in zip(painted, image, labels, strict=True):  # few floats at a time
        row[:] = np.round((1 - opacity) * pixels + opacity * colors[ids])
        if unpainted is not None:
            row[ids == unpainted] = pixels[ids == unpainted]
    return painted
