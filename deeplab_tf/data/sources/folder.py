"""Any folder of ``images/`` and ``masks/``: index PNGs, or RGB with the palette's colours."""

from __future__ import annotations

import dataclasses
import io
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from deeplab_tf.data.example_checks import count_values
from deeplab_tf.data.file_names import stored_key
from deeplab_tf.data.image import read_image
from deeplab_tf.data.image_files import describe_left_out, scan_folder
from deeplab_tf.data.other_formats import BROKEN_IMAGE
from deeplab_tf.data.png import label_ids, read_label
from deeplab_tf.data.sources.archive import Item, Source
from deeplab_tf.data.spec import FILE_NAME, VOID_COLOR, Color, DataError, DatasetSpec

# Besides PNG, formats that keep ids as they are.
_LOSSLESS = (".bmp", ".tif", ".tiff")


def open_folder(source: Path) -> Source:
    """Opens a folder that its ``dataset.json`` describes.

    Where ``images`` or ``masks`` holds image files, all are one split ``train``; otherwise each
    sub-folder of either is a split. A split without a folder of masks has no labels. What lies
    there and is no image is left out, and named.
    """
    spec = DatasetSpec.load(source)
    images, masks = source / "images", source / "masks"
    for folder in (images, masks):
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder. See docs/data_sets.md.")
    scans = [scan_folder(folder) for folder in (images, masks)]
    found = [path for scan in scans for path in scan.images]
    if any(path.parent in (images, masks) for path in found):
        splits = {"train": _items(images, masks)}
    else:
        roots = [(path, images if path.is_relative_to(images) else masks) for path in found]
        names = sorted({path.relative_to(root).parts[0] for path, root in roots})
        splits = {name: _items(images / name, masks / name) for name in names}
    left_out = describe_left_out([lost for scan in scans for lost in scan.left_out], source)
    spec = dataclasses.replace(spec, splits={}, shards={})
    reader = partial(read_mask, spec=spec)
    return Source(spec, splits, {}, reader, warnings=(left_out,) if left_out else ())


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
    for path in scan_folder(folder).images if folder.is_dir() else ():
        name = stored_key(path.relative_to(folder).with_suffix("").as_posix())
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
    mode = _mode(path)
    if mode in ("L", "P") and path.suffix.lower() in _LOSSLESS:
        return _read_ids(path, spec)
    if not spec.has_palette or mode not in ("RGB", "RGBA"):
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


def _read_ids(path: Path, spec: DatasetSpec) -> np.ndarray:
    """Reads ids as the PNG of the same pixels and palette would be read."""
    stream = io.BytesIO()
    try:
        with Image.open(path) as mask:
            mask.save(stream, "PNG")
    except BROKEN_IMAGE as error:
        raise DataError(f"{path}: broken or cut off ({error}).") from None
    return label_ids(stream.getvalue(), str(path), spec)


def _mode(path: Path) -> str | None:
    """Returns what Pillow calls the kind of a mask's pixels, None where it is no image."""
    try:
        with Image.open(path) as mask:
            return mask.mode
    except BROKEN_IMAGE:
        return None
