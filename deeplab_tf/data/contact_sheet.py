"""Draws the first training crops with their labels, for people to look at."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from deeplab_tf.data.augment import AugmentationPipeline
from deeplab_tf.data.overlay import overlay_labels
from deeplab_tf.data.own_files import CONTACT_SHEET
from deeplab_tf.data.pipeline import example_at, training_dataset
from deeplab_tf.data.plotting import plot_style, require_report_extra
from deeplab_tf.data.spec import DatasetSpec, palette_bytes
from deeplab_tf.data.split import Split, naming_broken_files

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# In pixels. Crops smaller than _SMALL are enlarged by whole factors, others shown as they are.
_SMALL, _WIDTH, _LEAST_WIDTH, _GAP, _LINE, _LETTER = 240, 1500, 500, 8, 22, 8
_DPI, _OPACITY = 100, 0.6


def encode_contact_sheet(
    split: Split,
    augmentation: AugmentationPipeline,
    pad_color: tuple[float, float, float],
    seed: int = 0,
    count: int = 12,
) -> bytes:
    """Draws the first crops of a training run, pixel for pixel as `training_dataset` yields them.

    Beside every crop it stands again in grey under its labels, in the data set's palette; void,
    padding too, is hatched and not painted. A legend names the colours, a caption the example.
    Needs the extra `report`.

    Args:
        split: where examples come from.
        augmentation: what training does to each.
        pad_color: RGB of padding, 0..255.
        seed: the run's seed.
        count: number of crops.

    Returns:
        The bytes of a PNG.

    Raises:
        DataError: a file is broken; the message names it.
        ImportError: the extra `report` is not installed.

    Example:
        >>> from deeplab_tf.data import SyntheticSplit
        >>> augmentation, black = AugmentationPipeline("crop(97)"), (0.0, 0.0, 0.0)
        >>> sheet = encode_contact_sheet(SyntheticSplit("train", 2), augmentation, black, count=4)
        >>> sheet[1:4]
        b'PNG'
    """
    require_report_extra("The contact sheet")
    pairs = list(_named_pairs(split, augmentation, pad_color, seed, count))
    with plot_style({"font.size": 10, "hatch.linewidth": 1.5}):
        return _draw(f"{split.spec.name}: {augmentation.describe()}", split.spec, pairs)


def _named_pairs(
    split: Split,
    augmentation: AugmentationPipeline,
    pad_color: tuple[float, float, float],
    seed: int,
    count: int,
) -> Iterator[tuple[str, np.ndarray]]:
    """Yields names of examples with their crops, labels painted beside them."""
    dataset = training_dataset(
        split, augmentation, pad_color, micro_batch=1, seed=seed, steps=count
    )
    zoom = max(1, round(_SMALL / augmentation.crop_size))
    with naming_broken_files(split):
        for position, batch in enumerate(dataset):
            image = np.round(batch["images"][0, 0]).astype(np.uint8)
            labels = batch["labels"][0, 0].numpy()
            image, labels = (a.repeat(zoom, 0).repeat(zoom, 1) for a in (image, labels))
            gap = np.full_like(image[:, :2], 255)
            index = int(example_at(tf.constant(position, tf.int64), len(split), seed))
            pair = np.hstack([image, gap, _painted(image, labels, split.spec)])
            yield split.names[index], pair


def _painted(image: np.ndarray, labels: np.ndarray, spec: DatasetSpec) -> np.ndarray:
    void = labels == spec.ignore_label
    # Over grey, because the image's own colours would pass for those of classes.
    grey = image.mean(-1, keepdims=True)
    painted = overlay_labels(grey, labels, palette_bytes(spec), _OPACITY)
    painted = np.where(void[..., None], image, painted)
    stripes = np.add.outer(*map(np.arange, labels.shape)) // 2 % 4
    painted[void & (stripes == 0)], painted[void & (stripes == 1)] = 255, 0
    return painted


def _draw(title: str, spec: DatasetSpec, pairs: list[tuple[str, np.ndarray]]) -> bytes:
    """Arranges pairs in a grid below a legend; a pixel of a pair is a pixel of the sheet."""
    from matplotlib.figure import Figure

    height, width = pairs[0][1].shape[:2]
    columns = min(len(pairs), max(1, _WIDTH // (width + _GAP)))
    rows = math.ceil(len(pairs) / columns)
    sheet_width = max(_LEAST_WIDTH, columns * (width + _GAP) + _GAP)
    figure = Figure(figsize=(sheet_width / _DPI, 1), dpi=_DPI)
    legend_height = _add_legend(figure, spec, title, sheet_width)
    sheet_height = legend_height + rows * (_LINE + height) + _GAP
    figure.set_size_inches(sheet_width / _DPI, sheet_height / _DPI)
    for place, (name, pair) in enumerate(pairs):
        row, column = divmod(place, columns)
        left = _GAP + column * (width + _GAP)
        bottom = sheet_height - legend_height - (row + 1) * (_LINE + height)
        box = np.array([left, bottom, width, height]) / np.tile([sheet_width, sheet_height], 2)
        axes = figure.add_axes(box)
        axes.imshow(pair, interpolation="none", aspect="auto")
        axes.set_axis_off()
        axes.set_title(_end(name, width), loc="left", size=9, pad=3)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=_DPI, metadata={"Software": CONTACT_SHEET})
    return stream.getvalue()


def _add_legend(figure: Figure, spec: DatasetSpec, title: str, width: int) -> int:
    """Adds a key for every class and void in as many columns as fit; returns its height."""
    from matplotlib.patches import Patch

    colors = np.array(spec.palette) / 255 * _OPACITY + 0.5 * (1 - _OPACITY)
    keys = [Patch(color=color) for color in colors]
    keys.append(Patch(facecolor="black", edgecolor="white", hatch="/////"))
    names = [f"{index} {name}" for index, name in enumerate(spec.class_names)]
    names = [_end(name, width - 60) for name in (*names, f"{spec.ignore_label} void and padding")]
    options: dict[str, Any] = {"loc": "upper left", "frameon": False, "alignment": "left"}
    legend = figure.legend(keys, names, **options)
    columns = max(1, int(width // legend.get_window_extent().width))
    legend.remove()
    legend = figure.legend(keys, names, ncols=columns, title=_end(title, width), **options)
    return math.ceil(legend.get_window_extent().height)


def _end(text: str, width: int) -> str:
    """Cuts off the start of a text that is too long, as ends tell names apart."""
    most = max(1, width // _LETTER)
    return text if len(text) <= most else f"…{text[1 - most :]}"
