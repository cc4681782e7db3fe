"""Summarises label statistics and warns of what looks wrong with a data set."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from deeplab_tf.data.label_statistics import LabelStatistics, count_labels
from deeplab_tf.data.majority_baseline import (
    constant_prediction_miou,
    format_baseline,
    majority_baseline,
    or_none,
    percent,
)
from deeplab_tf.data.split import Split

# Thresholds of the warnings; rules of thumb without a source.
_TINY_SHARE, _DOMINANT_SHARE, _MUCH_VOID = 0.001, 0.9, 0.5
_SHOWN_NAMES = 5
# Images that are looked at before training, spread evenly.
SAMPLE = 100


def diagnose(statistics: LabelStatistics, crop_size: int | None = None) -> dict:
    """Summarises label statistics.

    Args:
        statistics: from `count_labels`.
        crop_size: side of the training crops in pixels; None leaves crops aside.

    Returns:
        The content of ``doctor.json``, which `format_diagnosis` prints.

    Example:
        >>> from deeplab_tf.data import SyntheticSplit
        >>> diagnosis = diagnose(count_labels(SyntheticSplit("val")))
        >>> diagnosis["best_constant"]["class"], diagnosis["warnings"]
        ('background', [])
    """
    spec, pixels = statistics.spec, statistics.class_pixels
    columns = {
        "id": range(spec.num_classes),
        "name": spec.class_names,
        "pixels": pixels.tolist(),
        "images": statistics.class_images.tolist(),
        "share": statistics.shares.tolist(),
        "frequency": map(or_none, statistics.frequencies),
        "weight": map(or_none, statistics.median_frequency_weights),
    }
    background = {
        "class": spec.class_names[0],
        "miou": or_none(constant_prediction_miou(pixels)[0]),
    }
    by_area = statistics.sizes[statistics.sizes.prod(1).argsort(kind="stable")].tolist()
    missing = [name for name, count in zip(spec.class_names, pixels, strict=True) if count == 0]
    return {
        "data_set": spec.name,
        "images": len(statistics.names),
        "examples": statistics.examples,
        "classes": [
            dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
        ],
        "void_share": statistics.void_share,
        "sizes": {
            "smallest": by_area[0],
            "median": by_area[len(by_area) // 2],
            "largest": by_area[-1],
        },
        "crop_size": crop_size,
        "smaller_than_crop": _smaller_than(statistics, crop_size),
        "all_background": background,
        "best_constant": majority_baseline(pixels, spec.class_names),
        "never_occur": missing,
        "without_labels": _without_labels(statistics),
        "warnings": _warnings(statistics, missing, crop_size),
    }


def quick_look(
    split: Split, name: str, crop_size: int | None = None, log: Callable[[str], None] = print
) -> None:
    """Prints a few lines about a sample of at most 100 images of a split.

    Args:
        split: the examples.
        name: what the lines call it.
        crop_size: side of the training crops in pixels; None leaves crops aside.
        log: receives the lines.

    Raises:
        DataError: a file is broken; the message names it.

    Example:
        >>> from deeplab_tf.data import SyntheticSplit
        >>> quick_look(SyntheticSplit("val"), "val")
        val: 60 of 60 images, void 7.03 %, majority-class baseline (background): 13.75 mIoU
    """
    diagnosis = diagnose(count_labels(split, SAMPLE), crop_size)
    log(
        f"{name}: {diagnosis['images']} of {diagnosis['examples']} images, "
        f"void {percent(diagnosis['void_share'])} %, {format_baseline(diagnosis['best_constant'])}"
    )
    for warning in diagnosis["warnings"]:
        log(f"{name}: warning: {warning}")


def format_diagnosis(diagnosis: dict) -> str:
    """Formats a diagnosis for people."""
    images, crop = diagnosis["images"], diagnosis["crop_size"]
    sizes = ", ".join(f"{which} {h} x {w}" for which, (h, w) in diagnosis["sizes"].items())
    if crop is not None:
        sizes += f"; smaller than the crop of {crop} x {crop}: {diagnosis['smaller_than_crop']}"
    lines = [
        f"{diagnosis['data_set']}: {images} of {diagnosis['examples']} images",
        *_table(diagnosis["classes"]),
        f"void: {percent(diagnosis['void_share'])} % of all pixels",
        f"image sizes (height x width): {sizes}",
        f"classes that never occur: {_some(diagnosis['never_occur'])}",
        f"images without a labelled pixel: {_some(diagnosis['without_labels'])}",
        format_baseline(diagnosis["all_background"], "all-background"),
        format_baseline(diagnosis["best_constant"]),
        *(f"warning: {text}" for text in diagnosis["warnings"]),
    ]
    return "\n".join(lines)


def _table(classes: list[dict]) -> list[str]:
    rows = [("class", "id", "pixels", "images", "share %", "frequency", "weight", "")]
    most = max(c["share"] for c in classes) or 1.0
    for c in classes:
        ratios = ["-" if c[key] is None else f"{c[key]:.4f}" for key in ("frequency", "weight")]
        bar = "#" * math.ceil(20 * c["share"] / most)
        rows.append(
            (c["name"], c["id"], c["pixels"], c["images"], percent(c["share"]), *ratios, bar)
        )
    widths = [max(len(str(cell)) for cell in column) for column in zip(*rows, strict=True)]
    sides = "<>>>>>><"
    return [
        "  ".join(f"{c:{side}{w}}" for c, side, w in zip(row, sides, widths, strict=True)).rstrip()
        for row in rows
    ]


def _warnings(statistics: LabelStatistics, missing: list[str], crop: int | None) -> list[str]:
    """Returns warnings; every row holds a condition and its text."""
    images, names, shares = len(statistics.names), statistics.spec.class_names, statistics.shares
    void, top = statistics.void_share, int(shares.argmax())
    only_background = statistics.class_pixels[0] > 0 and len(missing) == len(names) - 1 > 0
    tiny = [n for n, share in zip(names, shares, strict=True) if 0 < share < _TINY_SHARE]
    unlabelled = _without_labels(statistics)
    small = _smaller_than(statistics, crop)
    rows = [
        (
            len(names) == 1,
            f"{names[0]} is the only class: every prediction is right, so that nothing is learned "
            "(loss 0, mIoU 100). Give what is not it a class of its own, such as background "
            "(id 0), in dataset.json and the labels.",
        ),
        (
            len(unlabelled) == images,
            f"no pixel of the {images} images is labelled: all are void.",
        ),
        (
            only_background and void > 0,
            f"every labelled pixel is {names[0]} (id 0) and {percent(void)} % are void (id "
            f"{statistics.spec.ignore_label}): these look like 0/255 masks. Write ids 0 and 1.",
        ),
        (
            0 < len(missing) < len(names),
            f"no pixel of {_some(missing)} in {images} images."
            + " Do the ids start at 1 in these files?" * (names[0] in missing),
        ),
        (
            0 < len(unlabelled) < images,
            f"{len(unlabelled)} of {images} images have no labelled pixel: {_some(unlabelled)}.",
        ),
        (
            bool(tiny),
            f"less than {percent(_TINY_SHARE)} % of the labelled pixels: {_some(tiny)}. Such "
            "classes are hardly learned without weights or more images of them.",
        ),
        (
            shares[top] > _DOMINANT_SHARE and len(names) > 1,
            f"{percent(shares[top])} % of the labelled pixels are {names[top]}: pixel accuracy "
            "and loss look good for a network that predicts nothing else.",
        ),
        (
            void > _MUCH_VOID,
            f"{percent(void)} % of all pixels are void: neither learned nor evaluated.",
        ),
        (
            2 * small > images,
            f"{small} of {images} images are smaller than the crop of {crop} x {crop}: the rest "
            "of such a crop is padding. A smaller crop trains faster on the same pixels.",
        ),
    ]
    return [text for applies, text in rows if applies]


def _without_labels(statistics: LabelStatistics) -> list[str]:
    labelled = np.asarray(statistics.pixels.any(1))
    return [name for name, found in zip(statistics.names, labelled, strict=True) if not found]


def _smaller_than(statistics: LabelStatistics, crop: int | None) -> int:
    return 0 if crop is None else int((statistics.sizes < crop).any(1).sum())


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
    return ", ".join(names[:_SHOWN_NAMES]) + more if names else "none"
