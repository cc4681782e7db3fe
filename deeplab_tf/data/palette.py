"""Detects label PNGs whose palette contradicts the classes of the data set."""

from __future__ import annotations

import struct

import numpy as np

from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.data.voc_colors import VOID_COLOR, Color, voc_palette

# Part of the message about a palette that contradicts dataset.json.
CONTRADICTED = "its palette gives "
_COLOR_TYPE_AT, _PALETTE, _HEADER_END = 25, 3, 33
_SHOWN = 3


def palette_problem(contents: bytes, ids: np.ndarray, spec: DatasetSpec) -> str | None:
    """Describes which ids of a label have the colour that `dataset.json` gives to another class.

    Most palettes say nothing about classes. One is only trusted where ``dataset.json`` has
    a palette, too, and every class in the label has a colour of it. A ramp of greys and the
    colours of PASCAL VOC, which many tools put on any ids, have to be colours of the data set
    one and all, used or not. Neither void counts, whose colour is a convention of each tool, nor a
    colour that stands for two classes on either side.

    Args:
        contents: a PNG.
        ids: ``[height, width]``, as they are stored in it.
        spec: the data set.

    Returns:
        The end of a sentence, or None.

    Example:
        >>> from deeplab_tf.data.png import encode_label
        >>> spec = DatasetSpec("pets", ("cat", "dog"), ((0, 0, 0), (255, 0, 0)))
        >>> label = np.ones([1, 1], np.uint8)
        >>> palette_problem(encode_label(label, bytes([255, 0, 0, 0, 0, 0])), label, spec)
        "its palette gives id 1 the colour of 'cat' (id 0)"
    """
    colors = _read_palette(contents)[: spec.num_classes] if spec.has_palette else []
    if not colors or (_is_generic(colors) and not set(colors) <= set(spec.palette)):
        return None
    used = [int(i) for i in np.unique(ids) if 0 <= i < len(colors)]
    owners = {VOID_COLOR: "void"}
    owners |= {c: f"{spec.class_names[i]!r} (id {i})" for i, c in enumerate(spec.palette)}
    if not all(colors[i] in owners for i in used):
        return None
    wrong = [
        f"id {i} the colour of {owners[colors[i]]}"
        for i in used
        if colors[i] != spec.palette[i]
        and colors.count(colors[i]) == 1
        and spec.palette.count(colors[i]) <= 1
    ]
    if not wrong:
        return None
    more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
    return CONTRADICTED + ", ".join(wrong[:_SHOWN]) + more


def ids_by_color(contents: bytes, ids: np.ndarray, spec: DatasetSpec) -> dict[int, int] | None:
    """Maps the ids of a label to those of the classes that have their colours in `dataset.json`.

    Args:
        contents: a PNG.
        ids: ``[height, width]``, as they are stored in it.
        spec: the data set.

    Returns:
        The new id of every id that occurs; None where the palette says nothing about classes, or a
        colour is no class's or that of several.

    Example:
        >>> from deeplab_tf.data.png import encode_label
        >>> spec = DatasetSpec("pets", ("cat", "dog"), ((0, 0, 0), (255, 0, 0)))
        >>> label = np.ones([1, 1], np.uint8)
        >>> ids_by_color(encode_label(label, bytes([255, 0, 0, 0, 0, 0])), label, spec)
        {1: 0}
    """
    colors = _read_palette(contents) if spec.has_palette else []
    first = colors[: spec.num_classes]
    if not colors or (_is_generic(first) and not set(first) <= set(spec.palette)):
        return None
    owners = {VOID_COLOR: spec.ignore_label}
    owners |= {c: i for i, c in enumerate(spec.palette) if spec.palette.count(c) == 1}
    mapped: dict[int, int] = {}
    for used in (int(i) for i in np.unique(ids)):
        color = colors[used] if 0 <= used < len(colors) else None
        if used == spec.ignore_label:
            mapped[used] = used
        elif color in owners:
            mapped[used] = owners[color]
        else:
            return None
    return mapped


def _read_palette(contents: bytes) -> list[Color]:
    """Reads the palette of an indexed PNG; empty for any other."""
    at = _HEADER_END
    while contents[_COLOR_TYPE_AT] == _PALETTE and at + 8 <= len(contents):
        length, kind = struct.unpack_from(">I4s", contents, at)
        if kind == b"PLTE":
            values = contents[at + 8 : at + 8 + length]
            return list(zip(values[::3], values[1::3], values[2::3], strict=False))
        if kind == b"IDAT":
            break
        at += length + 12
    return []


def _is_generic(colors: list[Color]) -> bool:
    ramp = [(i, i, i) for i in range(len(colors))]
    return colors in (ramp, list(voc_palette(len(colors))))
