"""What tuning the CRF has brought, for people."""

from __future__ import annotations

from deeplab_tf.data.majority_baseline import percent

_SCORES = {"mIoU": "miou", "pixel accuracy": "pixel_accuracy", "boundary IoU": "boundary_iou"}
_VALUES = ("bilateral_weight", "bilateral_sigma_xy", "bilateral_sigma_rgb")
# Scores of fewer images are mostly chance.
_FEW = 10


def format_tuning(report: dict) -> str:
    """Formats the report of `tune`: values, scores and what they mean.

    Args:
        report: from `tune`.
    """
    lines = [
        f"{name.ljust(8)}" + "".join(f"  {key}={values[key]:g}" for key in _VALUES)
        for name, values in report["parameters"].items()
    ]
    for part, scores in report["scores"].items():
        split, images = report["images"][part]
        title = f"{part.replace('_', ' ')}, {images} images of {split}"
        lines += ["", title.ljust(32) + "".join(name.rjust(16) for name in _SCORES)]
        for name, results in scores.items():
            cells = [percent(results[key]).rjust(16) for key in _SCORES.values()]
            lines.append(f"  {name}".ljust(32) + "".join(cells))
    return "\n".join([*lines, "", *_findings(report)])


def _findings(report: dict) -> list[str]:
    """Says whether the CRF and the tuned values help, and how much is known of that."""
    part = "held_out" if "held_out" in report["scores"] else "tuning"
    variants, images = report["scores"][part], report["images"][part][1]
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
