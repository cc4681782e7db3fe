"""Summarises the report of tuning the CRF as text."""

from __future__ import annotations

from typing import Any

from deeplab_tf.data.majority_baseline import percent

_METRICS = {"mIoU": "miou", "pixel accuracy": "pixel_accuracy", "boundary IoU": "boundary_iou"}
_VALUES = ("bilateral_weight", "bilateral_sigma_xy", "bilateral_sigma_rgb")
# Metrics on fewer images are mostly chance.
_FEW = 10


def format_tuning(report: dict[str, Any]) -> str:
    """Formats the report of `tune`: values, metrics and what they mean.

    Args:
        report: from `tune`.

    Returns:
        Several lines.
    """
    lines = [
        f"{name.ljust(8)}" + "".join(f"  {key}={values[key]:g}" for key in _VALUES)
        for name, values in report["parameters"].items()
    ]
    for part, variants in report["metrics"].items():
        split, images = report["images"][part]
        title = f"{part.replace('_', ' ')}, {images} images of {split}"
        lines += ["", title.ljust(32) + "".join(name.rjust(16) for name in _METRICS)]
        for name, results in variants.items():
            cells = [percent(results[key]).rjust(16) for key in _METRICS.values()]
            lines.append(f"  {name}".ljust(32) + "".join(cells))
    return "\n".join([*lines, "", *_findings(report)])


def _findings(report: dict[str, Any]) -> list[str]:
    """Returns sentences on whether the CRF and the tuned values help, and how sure that is."""
    part = "held_out" if "held_out" in report["metrics"] else "tuning"
    variants, images = report["metrics"][part], report["images"][part][1]
    names = ("without CRF", "default", "tuned")
    without, default, tuned = (variants[name]["miou"] for name in names)
    where = f"on {images} {'held-out images' if part == 'held_out' else 'images tuned on'}"
    found = []
    if tuned > without:
        found.append(f"The CRF helps: mIoU {percent(without)} -> {percent(tuned)} {where}.")
    else:
        found.append(f"The CRF does not help: mIoU {percent(without)} -> {percent(tuned)} {where}.")
    if tuned <= default:
        found.append(
            f"The tuned values are not better than the default: mIoU {percent(default)} -> "
            f"{percent(tuned)} {where}."
        )
    if part == "tuning" or images < _FEW:
        few = "No images were held out"
        if part == "held_out":
            few = f"{images} held-out images are too few"
        found.append(
            f"{few} to tell what other images get; see --held_out=N and --held_out_split=NAME."
        )
    return found
