"""Any folder of ``images/`` and ``masks/``: index PNGs, or RGB with the palette's colours."""

from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from deeplab_tf.data.examples import count_values
from deeplab_tf.data.image import read_image
from deeplab_tf.data.json_file import read_json
from deeplab_tf.data.png import read_label
from deeplab_tf.data.sources.source import Item, Source
from deeplab_tf.data.spec import FILE_NAME, VOID_COLOR, Color, DataError, DatasetSpec
from deeplab_tf.data.voc_layout import IMAGE_ENDINGS


def open_folder(source: Path) -> Source:
    """Opens a folder that its ``dataset.json`` describes.

    Where ``images`` or ``masks`` holds pictures, all are one split ``train``; otherwise each
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
    spec = DatasetSpec(spec.name, spec.class_names, spec.palette, {}, spec.ignore_label)
    return Source(spec, splits, {}, partial(read_mask, colors=_color_map(source, spec)))


def _items(images: Path, masks: Path) -> list[Item]:
    pictures, labels = _files(images), _files(masks) if masks.is_dir() else None
    names = sorted({*pictures, *(labels or ())})
    return [
        Item(
            name,
            pictures.get(name, images / f"{name}.jpg"),
            None if labels is None else labels.get(name, masks / f"{name}.png"),
        )
        for name in names
    ]


def _files(folder: Path) -> dict[str, Path]:
    """Name without ending -> file, of the pictures in a folder and its sub-folders."""
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in IMAGE_ENDINGS:
            name = path.relative_to(folder).with_suffix("").as_posix()
            other = found.setdefault(name, path)
            if other != path:
                raise DataError(f"{path}: {other} has the same name; remove or rename one.")
    return found


def _color_map(source: Path, spec: DatasetSpec) -> dict[Color, int]:
    """Colour -> id, empty where ``dataset.json`` gives no palette."""
    if "palette" not in read_json(source / FILE_NAME):
        return {}
    if len(set(spec.palette)) < spec.num_classes:
        return {}  # colours that stand for two classes cannot be read back
    return {VOID_COLOR: spec.ignore_label} | {c: i for i, c in enumerate(spec.palette)}


def read_mask(path: Path, colors: dict[Color, int]) -> np.ndarray:
    """Reads the ids of an index PNG, or of an RGB picture by its colours.

    Raises:
        DataError: when a colour has no class; the message says how many pixels have it.
    """
    if not colors or not _is_rgb(path):
        return read_label(path)
    codes = read_image(path).astype(np.int32) @ (1 << 16, 1 << 8, 1)
    known = {(red << 16) + (green << 8) + blue: i for (red, green, blue), i in colors.items()}
    unknown = codes[~np.isin(codes, list(known))]
    if unknown.size:
        shown = count_values(np.array([f"#{code:06x}" for code in unknown]))
        raise DataError(f"{path}: the colour {shown} is none of {FILE_NAME}'s palette.")
    found, places = np.unique(codes, return_inverse=True)
    return np.array([known[code] for code in found])[places].reshape(codes.shape)


def _is_rgb(path: Path) -> bool:
    try:
        with Image.open(path) as picture:
            return picture.mode in ("RGB", "RGBA")
    except OSError:
        return False
