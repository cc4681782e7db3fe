"""Computes the tiles of a large image one by one, and joins what comes out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import tensorflow as tf

from deeplab_tf.evaluation.tiles import TileGrid

# Where a tile's core lies in the image, and what was computed there: tensors [H, W, ...].
Core = tuple[tuple[slice, slice], list[tf.Tensor]]


def compute_tiles(
    grid: TileGrid,
    image: np.ndarray,
    function: Callable[[np.ndarray], list[tf.Tensor]],
    progress: Callable[[list], Iterable] = iter,
) -> Iterator[Core]:
    """Yields the core of every tile.

    Args:
        grid: where tiles lie.
        image: uint8 RGB [H, W, 3].
        function: from a tile, uint8 [1, H, W, 3], to a list of tensors [1, H, W, ...].
        progress: wraps the list of tiles.
    """
    for rows, columns in progress(list(grid.tiles(*image.shape[:2]))):
        results = function(image[None, rows.computed, columns.computed])
        cores = [x[0, rows.core_in_tile, columns.core_in_tile] for x in results]
        yield (rows.core, columns.core), cores


def join_arrays(cores: Iterable[Core], height: int, width: int) -> list[np.ndarray]:
    """Joins cores to arrays [height, width, ...], one tile after the other."""
    joined: list[np.ndarray] = []
    for place, parts in cores:
        if not joined:
            shapes = [[height, width, *part.shape[2:]] for part in parts]
            types = [part.dtype.as_numpy_dtype for part in parts]
            joined = [np.empty(*kind) for kind in zip(shapes, types, strict=True)]
        for whole, part in zip(joined, parts, strict=True):
            whole[place] = part
    return joined


def join_tensor(cores: Iterable[Core], grid: TileGrid, width: int) -> tf.Tensor:
    """Joins cores of one tensor each on the device: [1, height, width, ...]."""
    parts = [part for _, (part,) in cores]
    across = len(grid.spans(width))
    rows = [tf.concat(parts[i : i + across], axis=1) for i in range(0, len(parts), across)]
    return tf.concat(rows, axis=0)[None]
