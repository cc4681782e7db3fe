"""Rewrites a label whose values are clear, but are not the ids of ``dataset.json``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from deeplab_tf.data.other_formats import BROKEN_IMAGE
from deeplab_tf.data.palette import ids_by_color, palette_problem
from deeplab_tf.data.png import label_ids
from deeplab_tf.data.sources.folder import read_mask
from deeplab_tf.data.spec import FILE_NAME, DataError, DatasetSpec

BLACK, WHITE = (0, 0, 0), (255, 255, 255)


class Repair(NamedTuple):
    """What becomes of a label.

    Attributes:
        ids: uint8 ``[height, width]``.
        what: what was done, for people.
    """

    ids: np.ndarray
    what: str


def repair_label(path: Path, spec: DatasetSpec, white_is_class: bool) -> Repair | None:
    """Returns the ids that a label means, where its values are others.

    Colours are mapped where all of them are colours of ``dataset.json``'s own palette, each of one
    class, or void's.

    Args:
        path: the label.
        spec: what ``dataset.json`` says.
        white_is_class: what `white_is_class` found.

    Returns:
        None where the label is as it should be, or where what its ids mean would be a guess.

    Raises:
        DataError: it is broken, or holds colours that are not those of classes.
    """
    contents, levels = path.read_bytes(), _levels(path)
    if levels is None and _is_color(path):
        return _repair_colors(path, spec)
    ids = label_ids(contents, str(path)) if levels is None else levels
    used = {int(value) for value in np.unique(ids)}
    if white_is_class and used <= {0, 255} and 255 in used:
        black, white = _black_and_white(spec)
        what = f"0 and 255 became the ids {black} and {white}"
        return Repair(np.where(ids == 255, white, black).astype(np.uint8), what)
    if levels is not None:
        return _repair_colors(path, spec)
    is_wrong = palette_problem(contents, ids, spec) or used - _known_ids(spec)
    mapped = ids_by_color(contents, ids, spec) if is_wrong else None
    if mapped is None:
        return None
    table = np.arange(256, dtype=np.uint8)
    table[list(mapped)] = list(mapped.values())
    moved = ", ".join(f"{old} -> {new}" for old, new in mapped.items() if old != new)
    return Repair(table[ids], f"indices became the ids that their colours have ({moved})")


def white_is_class(paths: Iterable[Path], spec: DatasetSpec) -> bool:
    """Tells whether 255 is the second of two classes in masks of 0 and 255, and not void.

    It is where void has another id; where void is 255, only if no label of the data set has id 1
    and both 0 and 255 occur.

    Args:
        paths: all labels of the data set.
        spec: what ``dataset.json`` says.
    """
    if spec.num_classes != 2 or spec.ignore_label != 255:
        return spec.num_classes == 2
    found: set[int] = set()
    for path in paths:
        try:
            levels = _levels(path)
            found |= set(np.unique(label_ids(path.read_bytes(), "") if levels is None else levels))
        except (DataError, OSError):
            continue  # colours, or broken: the check names it
    return found == {0, 255}


def _known_ids(spec: DatasetSpec) -> set[int]:
    return {*range(spec.num_classes), spec.ignore_label}


def _black_and_white(spec: DatasetSpec) -> tuple[int, int]:
    """Returns the ids of black and white: by the palette where it has both, else 0 and 1."""
    if spec.has_palette and set(spec.palette) == {BLACK, WHITE}:
        return spec.palette.index(BLACK), spec.palette.index(WHITE)
    return 0, 1


def _levels(path: Path) -> np.ndarray | None:
    """Returns the levels of a mask that is stored as colours and holds black and white only."""
    if not _is_color(path):
        return None
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    is_plain = (pixels == pixels[..., :1]).all() and set(np.unique(pixels)) <= {0, 255}
    return pixels[..., 0].astype(np.int32) if is_plain else None


def _is_color(path: Path) -> bool:
    """Tells whether a file is a PNG of colours; False for what is broken or something else."""
    try:
        with Image.open(path) as image:
            image.load()
            return image.format == "PNG" and image.mode in ("RGB", "RGBA")
    except BROKEN_IMAGE:
        return False


def _repair_colors(path: Path, spec: DatasetSpec) -> Repair:
    if not spec.has_palette:
        raise DataError(f"{path}: colours, but {FILE_NAME} has no palette that says what they are.")
    return Repair(read_mask(path, spec).astype(np.uint8), "colours became the ids of their classes")
