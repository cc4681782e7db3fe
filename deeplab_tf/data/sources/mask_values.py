"""Reads masks of any kind: levels, indices or colours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from deeplab_tf.data.other_formats import BROKEN_IMAGE
from deeplab_tf.data.spec import VOID_COLOR, DataError

# JPEG moves the levels of a mask of two levels by no more than so much, but for a few at edges.
_JPEG_ERROR = 64


class MaskValues(NamedTuple):
    """The pixels of a mask.

    Attributes:
        values: int32 ``[height, width]``: levels, indices or colours.
        colors: 0xrrggbb of every value that occurs.
        is_color: whether the values are colours.
    """

    values: np.ndarray
    colors: dict[int, int]
    is_color: bool


def code_of(color: Sequence[int]) -> int:
    """Returns a colour as 0xrrggbb."""
    return (color[0] << 16) + (color[1] << 8) + color[2]


def read_mask_values(path: Path) -> MaskValues:
    """Reads the levels, indices or colours of a mask.

    Raises:
        DataError: it cannot be read, or JPEG has changed its levels.
    """
    try:
        with Image.open(path) as image:
            image.load()
            if image.mode == "P":
                values = np.asarray(image)
                palette = image.getpalette() or []
                return MaskValues(values, _palette_colors(values, palette), False)
            if image.mode in ("1", "L", "LA", "I;16", "I"):
                values = np.asarray(image.convert("I" if image.mode.startswith("I") else "L"))
                values = _two_levels(path, values) if image.format == "JPEG" else values
                return MaskValues(
                    values, {int(v): int(v) * 0x010101 for v in np.unique(values)}, False
                )
            pixels = np.asarray(image.convert("RGB")).astype(np.int32)
            lossy = image.format == "JPEG"
    except DataError:
        raise
    except BROKEN_IMAGE as error:
        reason = getattr(error, "strerror", None) or "broken or no image"
        raise DataError(f"{path}: cannot be read ({reason}).") from None
    if lossy:
        values = _two_levels(path, pixels.mean(axis=-1))
        return MaskValues(values, {int(v): int(v) * 0x010101 for v in np.unique(values)}, False)
    values = pixels @ (1 << 16, 1 << 8, 1)
    return MaskValues(values, {int(v): int(v) for v in np.unique(values)}, True)


def _palette_colors(values: np.ndarray, palette: list[int]) -> dict[int, int]:
    found = (int(value) for value in np.unique(values))
    return {i: code_of(palette[3 * i : 3 * i + 3] or VOID_COLOR) for i in found}


def _two_levels(path: Path, levels: np.ndarray) -> np.ndarray:
    """Returns 0 and 255 where JPEG has blurred them."""
    if (np.minimum(levels, 255 - levels) > _JPEG_ERROR).mean() > 0.02:
        raise DataError(f"{path}: JPEG has changed its levels; masks must be stored without loss.")
    return np.where(levels < 128, 0, 255).astype(np.int32)
