"""Results of other evaluations, beside which a report shows its own."""

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
        scores: as in `metrics.json`, of one stage.
        results: the `metrics.json` that they are part of.
    """

    name: str
    scores: Mapping[str, Any]
    results: Mapping[str, Any]


def split_stages(name: str, results: Mapping[str, Any]) -> list[Series]:
    """Returns the columns of a `metrics.json`: one, or before and after the CRF."""
    if "crf" not in results:
        return [Series(name, results, results)]
    stages = {"before CRF": results, "after CRF": results["crf"]}
    return [Series(f"{name}, {stage}", scores, results) for stage, scores in stages.items()]


def load_comparisons(files: Sequence[str], spec: DatasetSpec) -> list[Series]:
    """Reads what a report is to be compared with.

    Args:
        files: of `evaluate.py`, each a `metrics.json`.
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
    if not all(map(_holds_scores, stages)):
        raise DataError(f"--compare={file}: not a metrics.json with the scores of evaluate.py.")
    for scores in stages:
        for key in _PER_CLASS:
            _check_classes(scores.get(key, dict.fromkeys(spec.class_names)), file, spec)
    return results


def _holds_scores(scores: Any) -> bool:
    """Whether everything that a report takes from a stage is there and of its kind."""
    try:
        shares = [scores.get(key) for key in MEANS.values()]
        shares += scores["per_class_iou"].values()
        shares += scores.get("per_class_boundary_iou", {}).values()
        if "trimap" in scores:
            trimap = scores["trimap"]
            curves = trimap["miou"], trimap["pixel_accuracy"]
            for width, *of_width in zip(trimap["widths"], *curves, strict=True):
                shares += [*of_width, None if isinstance(width, int) else width]
            if "from" not in trimap or not trimap["widths"]:
                return False
        if "best_constant" in scores:
            shares.append(scores["best_constant"]["miou"])
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
            f"--compare={file}: scores of other classes than those of {spec.name!r} "
            f"({'; '.join(differing)}). Compare evaluations of one data set."
        )
