"""An image and its labels, shrunk alike and side by side in one PNG."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image

from deeplab_tf.data.own_files import png_mark

GAP = 6  # pixels between two of them


def shrink(
    image: np.ndarray, id_maps: Sequence[np.ndarray], width: int, height: int
) -> list[np.ndarray]:
    """Shrinks an image, and labels with it, until both sides fit; a smaller one stays as it is.

    Args:
        image: uint8 RGB [H, W, 3].
        id_maps: uint8 [H, W] each; their ids are not mixed.
        width: pixels at most.
        height: pixels at most.

    Returns:
        The image [h, w, 3] and the maps [h, w], in their order.

    Example:
        >>> image, labels = np.zeros([60, 200, 3], np.uint8), np.ones([60, 200], np.uint8)
        >>> [part.shape for part in shrink(image, [labels], width=100, height=100)]
        [(30, 100, 3), (30, 100)]
    """
    shrunk = Image.fromarray(image)
    shrunk.thumbnail((width, height))
    resized = [
        Image.fromarray(ids).resize(shrunk.size, Image.Resampling.NEAREST) for ids in id_maps
    ]
    return [np.asarray(part) for part in (shrunk, *resized)]


def side_by_side(images: Iterable[np.ndarray]) -> np.ndarray:
    """Joins images of one size, uint8 RGB [h, w, 3] each, with white between them."""
    parts = [np.pad(i, [(0, 0), (0, GAP), (0, 0)], constant_values=255) for i in images]
    return np.hstack(parts)[:, :-GAP]


def encode_side_by_side(images: Iterable[np.ndarray], mark: str | None = None) -> bytes:
    """Encodes images of one size side by side, with white between them.

    Args:
        images: uint8 RGB [h, w, 3] each.
        mark: what the header names as the software, see `own_files`; None for nothing.

    Returns:
        The bytes of a PNG.
    """
    stream = io.BytesIO()
    Image.fromarray(side_by_side(images)).save(stream, "PNG", pnginfo=png_mark(mark))
    return stream.getvalue()
