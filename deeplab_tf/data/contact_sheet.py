"""An image of the first training crops with their labels, for people to look at."""

import functools
import io
import itertools
import math
from collections.abc import Iterator

import numpy as np
import tensorflow as tf
from PIL import Image, ImageDraw, ImageFont, ImageOps

from deeplab_tf.data.augment import AugmentationPipeline
from deeplab_tf.data.overlay import overlay_labels
from deeplab_tf.data.own_files import CONTACT_SHEET, png_mark
from deeplab_tf.data.pipeline import example_at, training_dataset
from deeplab_tf.data.spec import DatasetSpec, palette_bytes
from deeplab_tf.data.split import Split, naming_broken_files

# In pixels. Crops smaller than _SMALL are enlarged by whole factors, others shown as they are.
_SMALL, _WIDTH, _GAP, _FONT, _LINE, _SWATCH = 240, 1500, 8, 14, 20, 28


def encode_contact_sheet(
    split: Split,
    augmentation: AugmentationPipeline,
    pad_color: tuple[float, float, float],
    seed: int = 0,
    count: int = 12,
) -> bytes:
    """Draws the first crops of a training run as `training_dataset` delivers them.

    Beside every crop it stands again in grey under its labels, in the data set's palette; void,
    padding too, is hatched and not painted. A legend names the colours, a caption the example.

    Args:
        split: where examples come from.
        augmentation: what training does to each.
        pad_color: RGB of padding.
        seed: the run's seed.
        count: number of crops.

    Returns:
        The bytes of an RGB PNG.

    Raises:
        DataError: a file is broken; the message names it.

    Example:
        >>> from deeplab_tf.data import SyntheticSplit
        >>> sheet = encode_contact_sheet(
        ...     SyntheticSplit("train", 2), AugmentationPipeline(97), (0.0, 0.0, 0.0), count=4)
        >>> Image.open(io.BytesIO(sheet)).mode
        'RGB'
    """
    crops = list(_captioned_crops(split, augmentation, pad_color, seed, count))
    grid = _grid(crops, columns=max(1, _WIDTH // crops[0].width))
    legend = _legend_entries(split.spec)
    title = f"{split.spec.name}: {augmentation.describe()}"
    parts = [
        _text(title, grid.width),
        _grid(legend, columns=max(1, grid.width // (legend[0].width + _GAP))),
        grid,
    ]
    stream = io.BytesIO()
    ImageOps.expand(_grid(parts, columns=1), _GAP, "white").save(
        stream, "PNG", pnginfo=png_mark(CONTACT_SHEET)
    )
    return stream.getvalue()


def _captioned_crops(
    split: Split,
    augmentation: AugmentationPipeline,
    pad_color: tuple[float, float, float],
    seed: int,
    count: int,
) -> Iterator[Image.Image]:
    dataset = training_dataset(
        split, augmentation, pad_color, micro_batch=1, seed=seed, steps=count
    )
    zoom = max(1, round(_SMALL / augmentation.crop_size))
    with naming_broken_files(split):
        for position, batch in enumerate(dataset):
            image = np.round(batch["images"][0, 0]).astype(np.uint8)
            image, labels = (
                part.repeat(zoom, 0).repeat(zoom, 1)
                for part in (image, batch["labels"][0, 0].numpy())
            )
            pair = [Image.fromarray(part) for part in (image, _painted(image, labels, split.spec))]
            index = int(example_at(tf.constant(position, tf.int64), len(split), seed))
            pair = _grid(pair, columns=2, gap=2)
            yield _grid([_text(split.names[index], pair.width), pair], columns=1, gap=0)


def _painted(image: np.ndarray, labels: np.ndarray, spec: DatasetSpec) -> np.ndarray:
    void = labels == spec.ignore_label
    # Over grey, because the image's own colours would pass for those of classes.
    grey = image.mean(-1, keepdims=True)
    painted = overlay_labels(grey, labels, palette_bytes(spec), opacity=0.6)
    painted = np.where(void[..., None], image, painted)
    stripes = np.add.outer(*map(np.arange, labels.shape)) // 2 % 4
    painted[void & (stripes == 0)], painted[void & (stripes == 1)] = 255, 0
    return painted


def _legend_entries(spec: DatasetSpec) -> list[Image.Image]:
    """A swatch and a name for every class and void, all of one width."""
    names = [f"{index} {name}" for index, name in enumerate(spec.class_names)]
    names.append(f"{spec.ignore_label} void and padding")
    width = max(math.ceil(_font().getlength(name)) for name in names)
    ids = [*range(spec.num_classes), spec.ignore_label]
    grey = np.full([_LINE - 4, _SWATCH, 3], 128, np.uint8)
    entries = []
    for index, name in zip(ids, names, strict=True):
        swatch = _painted(grey, np.full(grey.shape[:2], index), spec)
        entry = Image.new("RGB", (_SWATCH + _GAP + width, _LINE), "white")
        entry.paste(Image.fromarray(swatch), (0, 2))
        entry.paste(_text(name, width), (_SWATCH + _GAP, 0))
        entries.append(entry)
    return entries


def _text(text: str, width: int) -> Image.Image:
    """One line; the start of a text that is too long is cut off, as ends tell names apart."""
    while _font().getlength(text) > width:
        text = "..." + text.removeprefix("...")[1:]
    line = Image.new("RGB", (width, _LINE), "white")
    ImageDraw.Draw(line).text((0, _LINE // 2), text, "black", _font(), anchor="lm")
    return line


@functools.cache
def _font() -> ImageFont.FreeTypeFont:
    return ImageFont.load_default(_FONT)


def _grid(tiles: list[Image.Image], columns: int, gap: int = _GAP) -> Image.Image:
    """Tiles in rows from left to right, in columns as wide as the widest."""
    rows = [tiles[start : start + columns] for start in range(0, len(tiles), columns)]
    width = max(tile.width for tile in tiles) + gap
    heights = [max(tile.height for tile in row) + gap for row in rows]
    sheet = Image.new("RGB", (len(rows[0]) * width - gap, sum(heights) - gap), "white")
    for row, top in zip(rows, itertools.accumulate(heights, initial=0), strict=False):
        for column, tile in enumerate(row):
            sheet.paste(tile, (column * width, top))
    return sheet
