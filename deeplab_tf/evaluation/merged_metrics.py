"""Merges the results of the shards of a split into those of the whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import shorten
from typing import Any

from deeplab_tf.data.majority_baseline import majority_baseline
from deeplab_tf.data.paths import DataError
from deeplab_tf.evaluation.metrics import Metrics
from deeplab_tf.evaluation.metrics_part import MetricsPart, checked_part, results_of_stages


def merge_metrics(
    parts: Sequence[Mapping[str, Any]], names: Sequence[str] | None = None
) -> dict[str, Any]:
    """Merges the results of all shards of a split into those of the whole split.

    Counts are added and the metrics computed from the sums, as an evaluation without shards does.

    Args:
        parts: results of `evaluate` with `shard=(1, n)` to `shard=(n, n)`, in any order.
        names: what messages call them, such as their files.

    Returns:
        What `evaluate` returns for the whole split; `seconds` are the sum of all.

    Raises:
        DataError: a part is no such result, one is missing or there twice, or they are of
            different splits, classes, measures or models; the message names them.

    Example:
        >>> from deeplab_tf.evaluation import evaluate
        >>> split = deeplab_tf.data.open_split("synthetic", "val")
        >>> predictor = deeplab_tf.Predictor(deeplab_tf.DeepLab(dataset=split.spec, width=0.05))
        >>> shards = [evaluate(predictor, split, limit=3, shard=(k, 2)) for k in (1, 2)]
        >>> merged, whole = merge_metrics(shards), evaluate(predictor, split, limit=3)
        >>> merged["images"], merged["confusion_matrix"] == whole["confusion_matrix"]
        (3, True)
    """
    if names is None:
        names = [f"part {number}" for number in range(1, len(parts) + 1)]
    checked = [checked_part(name, part) for name, part in zip(names, parts, strict=True)]
    if not checked:
        raise DataError("There are no metrics to merge.")
    _check_same_evaluation(checked)
    _check_complete(checked)
    first, stages = checked[0].results, _added_up(checked)
    results = [metrics.results(counts=True) for metrics in stages]
    label_pixels = stages[0].confusion.matrix.sum(1)
    return {
        **{key: first[key] for key in ("split",) if key in first},
        "images": first["shard"]["images"],
        **results[0],
        **({"crf": results[1]} if len(results) > 1 else {}),
        "best_constant": majority_baseline(label_pixels, [*first["per_class_iou"]]),
        "seconds": round(sum(part.results["seconds"] for part in checked), 3),
    }


def _check_same_evaluation(parts: Sequence[MetricsPart]) -> None:
    first, *others = parts
    for part in others:
        for what, value in part.evaluation.items():
            if value != first.evaluation[what]:
                raise DataError(
                    f"{part.name} and {first.name} differ in {what}: {_shown(value)} and "
                    f"{_shown(first.evaluation[what])}. Give the shards of one evaluation."
                )


def _shown(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return shorten(text, 80)


def _check_complete(parts: Sequence[MetricsPart]) -> None:
    shards = parts[0].results["shard"]["shards"]
    owners: dict[int, MetricsPart] = {}
    for part in parts:
        number = part.results["shard"]["number"]
        other = owners.setdefault(number, part)
        if other is not part:
            raise DataError(f"{other.name} and {part.name} are both shard {number}/{shards}.")
    missing = [f"{number}/{shards}" for number in range(1, shards + 1) if number not in owners]
    if missing:
        raise DataError(
            f"{len(missing)} of {shards} shards are missing: {shorten(', '.join(missing), 80)}."
        )


def _added_up(parts: Sequence[MetricsPart]) -> list[Metrics]:
    """Adds the counts of all parts to those of the first, which are returned."""
    first, *others = parts
    for part in others:
        for metrics, results in zip(first.stages, results_of_stages(part.results), strict=True):
            metrics.add_counts(results)
    return first.stages
