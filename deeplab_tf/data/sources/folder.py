"""Any folder of ``images/`` and ``masks/``: index PNGs, or RGB with the palette's colours."""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from deeplab_tf.data.example_checks import count_values
from deeplab_tf.data.image import read_image
from deeplab_tf.data.png import read_label
from deeplab_tf.data.sources.archive import Item, Source
from deeplab_tf.data.spec import FILE_NAME, VOID_COLOR, Color, DataError, DatasetSpec
from deeplab_tf.data.voc_layout import IMAGE_ENDINGS


def open_folder(source: Path) -> Source:
    """Opens a folder that its ``dataset.json`` describes.

    Where ``images`` or ``masks`` holds image_files, all are one split ``train``; otherwise each
    sub-folder of either is a split. A split without a folder of masks has no labels.
    """
    spec = DatasetSpec.load(source)
    images, masks = source / "images", source / "masks"
    for folder in (images, masks):
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder. See docs/data_sets.md.")
    found = [*images.iterdir(), *masks.iterdir()]
    if any(path.suffix.lower() in IMAGE_ENDINGS for path in found):
        splits = {"train": _items(images, masks)}
    else:
        names = sorted({path.name for path in found if path.is_dir()})
        splits = {name: _items(images / name, masks / name) for name in names}
    spec = dataclasses.replace(spec, splits={}, shards={})
    return Source(spec, splits, {}, partial(read_mask, spec=spec))


def _items(images: Path, masks: Path) -> list[Item]:
    image_files, labels = _files(images), _files(masks) if masks.is_dir() else None
    names = sorted({*image_files, *(labels or ())})
    return [
        Item(
            name,
            image_files.get(name, images / f"{name}.jpg"),
            None if labels is None else labels.get(name, masks / f"{name}.png"),
        )
        for name in names
    ]


def _files(folder: Path) -> dict[str, Path]:
    """Maps names without ending to files, for the images in a folder and its sub-folders."""
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in IMAGE_ENDINGS:
            name = path.relative_to(folder).with_suffix("").as_posix()
            other = found.setdefault(name, path)
            if other != path:
                raise DataError(f"{path}: {other} has the same name; remove or rename one.")
    return found


def read_mask(path: Path, spec: DatasetSpec) -> np.ndarray:
    """Reads the ids of an index PNG, or of an RGB image by its colours.

    Args:
        path: the mask.
        spec: what ``dataset.json`` says; without a palette of its own there are no colours.

    Raises:
        DataError: when a colour has no class, or several, and the message says how many pixels
            have it; or when an index PNG has a palette that contradicts ``dataset.json``.
    """
    if not spec.has_palette or not _is_rgb(path):
        return read_label(path, spec)
    codes = read_image(path).astype(np.int32) @ (1 << 16, 1 << 8, 1)
    known = {_code(VOID_COLOR): spec.ignore_label} | {
        _code(c): i for i, c in enumerate(spec.palette)
    }
    shared = {_code(color) for color in spec.palette if spec.palette.count(color) > 1}
    found, places = np.unique(codes, return_inverse=True)
    _refuse(path, codes, [code for code in found if code not in known], "is none")
    _refuse(path, codes, [code for code in found if code in shared], "stands for several classes")
    return np.array([known[code] for code in found])[places].reshape(codes.shape)


def _code(color: Color) -> int:
    red, green, blue = color
    return (red << 16) + (green << 8) + blue


def _refuse(path: Path, codes: np.ndarray, bad: list[int], problem: str) -> None:
    if bad:
        shown = count_values(np.array([f"#{code:06x}" for code in codes[np.isin(codes, bad)]]))
        raise DataError(f"{path}: the colour {shown} {problem} of {FILE_NAME}'s palette.")


def _is_rgb(path: Path) -> bool:
    try:
        with Image.open(path) as mask:
            return mask.mode in ("RGB", "RGBA")
    except OSError:
        return False
