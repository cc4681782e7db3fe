"""What the levels and colours of masks mean, where no ``dataset.json`` says it."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from deeplab_tf.data.class_mapping import unnamed_classes
from deeplab_tf.data.example_checks import count_values
from deeplab_tf.data.sources.archive import read_file
from deeplab_tf.data.sources.mask_values import MaskValues, code_of, read_mask_values
from deeplab_tf.data.sources.shapes import BACKGROUND, VOID
from deeplab_tf.data.spec import FILE_NAME, VOID_COLOR, Color, DataError, DatasetSpec

_MOST_COLORS = 64
_NAME_LISTS = ("classes.txt", "labels.txt")
_VOID_NAMES = ("void", "ignore", "unlabelled", "unlabeled")
_ADVICE = (
    "Put classes.txt beside the folders, one name a line: the levels are ids then; or palette.txt "
    "with lines 'name red green blue'."
)


class Coding(NamedTuple):
    """How the values of masks become ids.

    Attributes:
        spec: the classes.
        by_color: whether ``ids`` has colours, also those of grey levels and palettes.
        ids: id of every value or colour 0xrrggbb.
    """

    spec: DatasetSpec
    by_color: bool
    ids: dict[int, int]


def read_coded(path: Path, by_color: bool, ids: dict[int, int]) -> np.ndarray:
    """Reads the ids of a mask.

    Args:
        path: the mask.
        by_color: as in `Coding`.
        ids: as in `Coding`.

    Raises:
        DataError: it cannot be read, or has a value without an id; the message says how many
            pixels have it.
    """
    mask = read_mask_values(path)
    found, places = np.unique(mask.values, return_inverse=True)
    keys = [mask.colors[int(value)] if by_color else int(value) for value in found]
    bad = np.array([key not in ids for key in keys])[places].reshape(mask.values.shape)
    if bad.any():
        names = [f"#{key:06x}" if by_color else str(key) for key in keys]
        shown = count_values(np.array(names)[places].reshape(bad.shape)[bad])
        raise DataError(f"{path}: {shown} is no class.")
    return np.array([ids[key] for key in keys], np.uint8)[places].reshape(mask.values.shape)


def find_coding(folder: Path, masks: Sequence[Path]) -> Coding:
    """Finds out what the values of masks mean, from a list of classes or from all masks.

    Args:
        folder: the data set; it may hold ``dataset.json``, ``classes.txt`` or a list of names with
            colours (``.txt`` or ``.csv``).
        masks: are all read.

    Raises:
        DataError: it is not clear; the message says what to do.
    """
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        read = [mask for mask in pool.map(_summary, masks) if mask is not None]
    levels = set().union(*(mask.colors for mask in read if not mask.is_color)) - {VOID}
    colors = {color for mask in read for color in mask.colors.values()}
    has_colors = any(mask.is_color for mask in read)
    listed = _listed_classes(folder)
    if listed is None:
        return _by_values(folder, levels, colors, has_colors)
    spec, ids = listed
    if ids and (has_colors or colors <= ids.keys() or not levels <= set(range(spec.num_classes))):
        return Coding(spec, True, ids)
    if levels <= {0} and spec.num_classes == 2:
        return Coding(spec, False, {0: 0, VOID: 1})
    return Coding(spec, False, _index_ids(spec.num_classes))


def _by_values(folder: Path, levels: set[int], colors: set[int], has_colors: bool) -> Coding:
    name = folder.resolve().name or "own"
    if has_colors:
        return _by_colors(folder, name, colors)
    if levels <= {0}:
        return Coding(DatasetSpec(name, (BACKGROUND, "foreground")), False, {0: 0, VOID: 1})
    if levels != set(range(len(levels))):
        shown = ", ".join(map(str, sorted(levels)[:8]))
        raise DataError(f"{folder}: the masks have the levels {shown}, which may be ids or shades. "
                        + _ADVICE)  # fmt: skip
    return Coding(DatasetSpec(name, unnamed_classes(len(levels))), False, _index_ids(len(levels)))


def _by_colors(folder: Path, name: str, colors: set[int]) -> Coding:
    """Makes a class of every colour; black is background, VOC's light grey void."""
    ordered = sorted(colors - {code_of(VOID_COLOR)})
    if len(ordered) > _MOST_COLORS:
        raise DataError(
            f"{folder}: the masks have {len(ordered)} colours. Masks must be stored without loss "
            "(PNG) and without smooth edges, or a list of names and colours must say which count. "
            + _ADVICE
        )
    names = [f"#{color:06x}" if color else BACKGROUND for color in ordered]
    palette = tuple((c >> 16, c >> 8 & 255, c & 255) for c in ordered)
    ids = {color: i for i, color in enumerate(ordered)}
    return Coding(DatasetSpec(name, tuple(names), palette), True,
                  {code_of(VOID_COLOR): VOID} | ids)  # fmt: skip


def _index_ids(count: int) -> dict[int, int]:
    return {i: i for i in range(count)} | {VOID: VOID}


def _listed_classes(folder: Path) -> tuple[DatasetSpec, dict[int, int]] | None:
    """Returns the classes that a file in the folder lists, and ids by colour where it has them."""
    if (folder / FILE_NAME).is_file():
        spec = DatasetSpec.load(folder)
        spec = DatasetSpec(spec.name, spec.class_names, spec.palette if spec.has_palette else ())
        colors = {code_of(c): i for i, c in enumerate(spec.palette)} if spec.has_palette else {}
        return spec, colors and {code_of(VOID_COLOR): VOID} | colors
    name = folder.resolve().name or "own"
    for path in sorted([*folder.glob("*.txt"), *folder.glob("*.csv")]):
        found = _named_colors(path)
        if found:
            classes = {n: c for n, c in found.items() if n.lower() not in _VOID_NAMES}
            void = {code_of(c): VOID for n, c in found.items() if n not in classes}
            spec = DatasetSpec(name, tuple(classes), tuple(classes.values()))
            return spec, {code_of(VOID_COLOR): VOID} | void | {
                code_of(color): i for i, color in enumerate(classes.values())
            }
    for path in (folder / list_name for list_name in _NAME_LISTS):
        if path.is_file():
            lines = read_file(path).decode("utf-8-sig", "replace").splitlines()
            names = tuple(line.strip() for line in lines if line.strip())
            return DatasetSpec(name, names if len(names) > 1 else (BACKGROUND, *names)), {}
    return None


def _named_colors(path: Path) -> dict[str, Color]:
    """Reads lines of a name and a colour, in either order, such as ``road:128,64,128::``.

    Lines without three numbers behind each other are left out: a heading, or a comment.
    """
    found: dict[str, Color] = {}
    for line in read_file(path).decode("utf-8-sig", "replace").splitlines():
        match = re.search(r"(?<![\w.])(\d{1,3})[\s,;]+(\d{1,3})[\s,;]+(\d{1,3})(?![\w.])", line)
        if match is None or line.lstrip().startswith("#"):
            continue
        red, green, blue = (int(value) for value in match.groups())
        text = (line[: match.start()] + " " + line[match.end() :]).strip(" \t,;:=\"'[]()")
        if text and max(red, green, blue) <= 255:
            found[text] = (red, green, blue)
    return found


def _summary(path: Path) -> MaskValues | None:
    """Returns the values that occur, no pixels; None for a broken file, which is reported later."""
    try:
        return read_mask_values(path)._replace(values=np.zeros(0))
    except DataError:
        return None
