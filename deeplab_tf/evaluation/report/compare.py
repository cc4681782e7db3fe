"""Reads the results of other evaluations that a report is compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from deeplab_tf.data.json_file import read_json
from deeplab_tf.data.paths import user_path
from deeplab_tf.data.spec import DataError, DatasetSpec
from deeplab_tf.evaluation.evaluate import MEANS

_SHOWN_NAMES = 3
_PER_CLASS = ("per_class_iou", "per_class_boundary_iou")


class Series(NamedTuple):
    """One column of a report.

    Attributes:
        name: its heading.
        metrics: as in `metrics.json`, of one stage.
        results: the `metrics.json` that they are part of.
    """

    name: str
    metrics: Mapping[str, Any]
    results: Mapping[str, Any]


def split_stages(name: str, results: Mapping[str, Any]) -> list[Series]:
    """Returns the columns of a `metrics.json`: one, or before and after the CRF."""
    if "crf" not in results:
        return [Series(name, results, results)]
    stages = {"before CRF": results, "after CRF": results["crf"]}
    return [Series(f"{name}, {stage}", metrics, results) for stage, metrics in stages.items()]


def load_comparisons(files: Sequence[str], spec: DatasetSpec) -> list[Series]:
    """Reads `metrics.json` files of `evaluate.py`.

    Args:
        files: their paths.
        spec: the data set; the files must be of its classes.

    Returns:
        Their columns, named after the two folders above a file, or by its path where another
        has the same two.

    Raises:
        DataError: a file is missing, is no `metrics.json` or is of other classes.
    """
    short = ["/".join(Path(file).parts[-3:-1]) or file for file in files]
    names = short if len(set(short)) == len(files) else files
    return [
        series
        for name, file in zip(names, files, strict=True)
        for series in split_stages(name, _load(file, spec))
    ]


def _load(file: str, spec: DatasetSpec) -> dict:
    try:
        results = read_json(user_path(file))
    except OSError as error:
        raise DataError(f"--compare={file}: {error.strerror}.") from None
    except ValueError as error:
        raise DataError(f"--compare={error}") from None
    stages = [results, results.get("crf", results)] if isinstance(results, dict) else [results]
    if not all(map(_is_complete, stages)):
        raise DataError(f"--compare={file}: not a metrics.json with the metrics of evaluate.py.")
    for metrics in stages:
        for key in _PER_CLASS:
            _check_classes(metrics.get(key, dict.fromkeys(spec.class_names)), file, spec)
    return results


def _is_complete(metrics: Any) -> bool:
    """Returns whether all that a report takes from a stage is there and of its kind."""
    try:
        shares = [metrics.get(key) for key in MEANS.values()]
        shares += metrics["per_class_iou"].values()
        shares += metrics.get("per_class_boundary_iou", {}).values()
        if "best_constant" in metrics:
            shares.append(metrics["best_constant"]["miou"])
        if "trimap" in metrics:
            trimap = metrics["trimap"]
            curves = (trimap["widths"], trimap["miou"], trimap["pixel_accuracy"])
            widths, *rows = zip(*zip(*curves, strict=True), strict=True)  # raises if empty
            shares += [share for row in rows for share in row]
            if "from" not in trimap or not all(isinstance(width, int) for width in widths):
                return False
    except (AttributeError, KeyError, TypeError, ValueError):
        return False
    return all(s is None or (isinstance(s, (int, float)) and 0 <= s <= 1) for s in shares)


def _check_classes(per_class: Mapping[str, Any], file: str, spec: DatasetSpec) -> None:
    differing = [
        f"{where} only: {', '.join(names[:_SHOWN_NAMES])}{', ...' * (len(names) > _SHOWN_NAMES)}"
        for where, names in (
            (file, [name for name in per_class if name not in spec.class_names]),
            (spec.name, [name for name in spec.class_names if name not in per_class]),
        )
        if names
    ]
    if differing:
        raise DataError(
            f"--compare={file}: metrics of other classes than those of {spec.name!r} "
            f"({'; '.join(differing)}). Compare evaluations of one data set."
        )
