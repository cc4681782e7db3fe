"""The columns of a report: an evaluation's metrics, and those it is compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import shorten
from typing import Any

from deeplab_tf.data.json_file import read_json
from deeplab_tf.data.paths import user_path
from deeplab_tf.data.spec import DataError, DatasetSpec
from deeplab_tf.evaluation.evaluate import MEANS
from deeplab_tf.evaluation.metrics_file import LARGEST_BYTES


def split_stages(name: str, results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns the columns of a `metrics.json`: one, or before and after the CRF."""
    stages = {"": results}
    if "crf" in results:
        stages = {", before CRF": results, ", after CRF": results["crf"]}
    return [{**results, **metrics, "name": name + stage} for stage, metrics in stages.items()]


def load_comparisons(files: Sequence[str], spec: DatasetSpec) -> list[dict[str, Any]]:
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
    loaded = (split_stages(n, _load(f, spec)) for n, f in zip(names, files, strict=True))
    return [column for columns in loaded for column in columns]


def _load(file: str, spec: DatasetSpec) -> dict:
    try:
        results = read_json(user_path(file), LARGEST_BYTES)
    except OSError as error:
        raise DataError(f"--compare={file}: {error.strerror}.") from None
    except ValueError as error:
        raise DataError(f"--compare={error}") from None
    try:
        names = {name for metrics in split_stages("", results) for name in _class_names(metrics)}
    except (AttributeError, KeyError, TypeError, ValueError):
        problem = "not a metrics.json with the metrics of evaluate.py."
        raise DataError(f"--compare={file}: {problem}") from None
    differing = ", ".join(sorted(names ^ set(spec.class_names)))
    if differing:
        raise DataError(
            f"--compare={file}: metrics of other classes than those of {spec.name!r} (only one has "
            f"{shorten(differing, 80)}). Compare evaluations of one data set."
        )
    return results


def _class_names(metrics: Mapping[str, Any]) -> list[str]:
    """Returns the classes of a stage; raises where a metric is not in its place or no share."""
    per_class = [metrics["per_class_iou"], metrics.get("per_class_boundary_iou", {})]
    shares = [*map(metrics.get, MEANS.values()), *(iou for d in per_class for iou in d.values())]
    shares.append(metrics.get("best_constant", {}).get("miou"))
    if "trimap" in metrics:
        curves = [metrics["trimap"][key] for key in ("widths", "miou", "pixel_accuracy")]
        for width, *points in zip(*curves, strict=True):
            shares += points if isinstance(width, int) else [width]
    if not all(share is None or 0 <= share <= 1 for share in shares):
        raise ValueError
    return [name for ious in per_class for name in ious]
