"""The results of a shard, checked before they are merged with others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from deeplab_tf.data.paths import DataError
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.data.split_shard import items_of_shard
from deeplab_tf.evaluation.metrics import Metrics


class MetricsPart(NamedTuple):
    """The results of a shard.

    Attributes:
        name: what messages call it.
        results: of `evaluate`.
        stages: its counts before and, if there is one, after the CRF.
        evaluation: what all shards of one evaluation have in common, by what it is called.
    """

    name: str
    results: Mapping[str, Any]
    stages: list[Metrics]
    evaluation: dict[str, Any]


def checked_part(name: str, results: Mapping[str, Any]) -> MetricsPart:
    """Checks the results of a shard.

    Args:
        name: what messages call it.
        results: what should be results of `evaluate`.

    Raises:
        DataError: they are something else, of no shard, or without counts.
    """
    try:
        return _part(name, results)
    except DataError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError):
        raise DataError(f"{name}: not a metrics.json of evaluate.py.") from None


def results_of_stages(results: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Returns the results before and, if there is one, after the CRF."""
    return [results, *([results["crf"]] if "crf" in results else [])]


def _part(name: str, results: Mapping[str, Any]) -> MetricsPart:
    if "per_class_iou" not in results and {"images", "seconds"} <= set(results):
        raise DataError(f"{name}: of a split without labels; there are no metrics to merge.")
    stages = results_of_stages(results)
    measures = [_measures(stage) for stage in stages]
    if any(measured != measures[0] for measured in measures):
        raise ValueError
    if not all("confusion_matrix" in stage for stage in stages):
        raise DataError(
            f"{name}: without counts (confusion_matrix), as older versions wrote it. Evaluate it "
            "again."
        )
    if "shard" not in results:
        raise DataError(f"{name}: not of a shard; only what evaluate.py --shard wrote is merged.")
    _check_images(results)
    evaluation = {"split": results.get("split"), **measures[0], **_record(results)}
    return MetricsPart(name, results, [_counted(name, stage) for stage in stages], evaluation)


def _measures(stage: Mapping[str, Any]) -> dict[str, Any]:
    trimap = stage.get("trimap")
    return {
        "classes": [*dict(stage["per_class_iou"])],
        "the rule for absent classes": stage["absent"],
        "contours of trimaps": trimap and trimap["from"],
        "widths of trimaps": trimap and [*trimap["widths"]],
        "whether there is a boundary IoU": "boundary_iou" in stage,
    }


def _record(results: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what `describe_shard` has written of the evaluation."""
    shard = results["shard"]
    return {
        "whether there is a CRF": "crf" in results,
        "the number of shards": shard["shards"],
        "the number of images of all shards": shard["images"],
        "the names of these images": shard["names"],
        "model or settings that labels are made with": shard["predictor"],
    }


def _check_images(results: Mapping[str, Any]) -> None:
    """Raises a ValueError where the number of images is not that of the shard."""
    shard = results["shard"]
    numbers = [results["images"], *(shard[key] for key in ("number", "shards", "images"))]
    if not all(type(number) is int for number in numbers) or not results["seconds"] >= 0:
        raise ValueError
    own = items_of_shard(range(shard["images"]), (shard["number"], shard["shards"]))
    if len(own) != results["images"]:
        raise ValueError


def _counted(name: str, stage: Mapping[str, Any]) -> Metrics:
    trimap = stage["trimap"]["from"] if "trimap" in stage else None
    spec = DatasetSpec(name, tuple(stage["per_class_iou"]))
    metrics = Metrics(spec, trimap, "boundary_iou" in stage, stage["absent"])
    try:
        metrics.add_counts(stage)
    except ValueError as error:
        raise DataError(f"{name}: {error}.") from None
    return metrics
