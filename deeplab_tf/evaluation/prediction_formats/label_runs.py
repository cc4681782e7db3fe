"""Labels as run lengths: every pixel exactly, in few bytes, for any language to read."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike


class LabelRuns(NamedTuple):
    """Runs of equal labels, row by row from the upper left; one may go on in the next row.

    Attributes:
        labels: uint8 [N], the label of each run.
        lengths: int32 [N], its pixels.
    """

    labels: np.ndarray
    lengths: np.ndarray


def encode_label_runs(labels: np.ndarray) -> LabelRuns:
    """Encodes labels as runs.

    Args:
        labels: uint8 [H, W].

    Example:
        >>> runs = encode_label_runs(np.array([[7, 7, 7], [7, 2, 2]], np.uint8))
        >>> runs.labels.tolist(), runs.lengths.tolist()
        ([7, 2], [4, 2])
    """
    flat = labels.ravel()
    starts = np.flatnonzero(np.concatenate([[True], flat[1:] != flat[:-1]]))
    lengths = np.diff(starts, append=flat.size)
    return LabelRuns(flat[starts], lengths.astype(np.int32))


def decode_label_runs(
    run_labels: ArrayLike, run_lengths: ArrayLike, height: int, width: int
) -> np.ndarray:
    """Decodes what `encode_label_runs` gives.

    Args:
        run_labels: whole numbers 0..255 [N], the label of each run.
        run_lengths: whole numbers from 1 [N], its pixels.
        height: of the image in pixels.
        width: of the image in pixels.

    Returns:
        uint8 [H, W].

    Raises:
        ValueError: these are no runs of an image of that size.

    Example:
        >>> decode_label_runs([7, 2], [4, 2], height=2, width=3).tolist()
        [[7, 7, 7], [7, 2, 2]]
    """
    labels, lengths = np.asarray(run_labels, np.int64), np.asarray(run_lengths, np.int64)
    if labels.shape != lengths.shape or labels.ndim != 1:
        raise ValueError(f"{labels.shape} labels and {lengths.shape} lengths are no runs.")
    # Each bound by itself: lengths of a broken file could sum up to anything.
    if lengths.size and not (lengths.min() >= 1 and lengths.max() <= height * width):
        raise ValueError(f"A run of an image of {width} x {height} pixels has another length.")
    if lengths.sum() != height * width:
        raise ValueError(f"Runs of {lengths.sum()} pixels are no image of {width} x {height}.")
    if labels.min(initial=0) < 0 or labels.max(initial=0) > 255:
        raise ValueError("A label of a run is none of 0 to 255.")
    return np.repeat(labels.astype(np.uint8), lengths).reshape(height, width)
