"""Tunes the CRF for a model on a data set and evaluates the result."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from deeplab_tf.crf import CrfParameters, mean_field
from deeplab_tf.data.files import write_atomically
from deeplab_tf.data.own_files import json_object
from deeplab_tf.data.paths import user_path
from deeplab_tf.data.pipeline import spread_evenly
from deeplab_tf.data.split import Split
from deeplab_tf.evaluation.metrics import Metrics
from deeplab_tf.tuning.cached_logits import CachedLogits
from deeplab_tf.tuning.resumable_search import search
from deeplab_tf.tuning.search import best_of


def choose_images(
    split: Split, limit: int, other: Split, held_out: int | None = None
) -> tuple[list[int], list[int]]:
    """Chooses images to tune on and images to hold out, both spread evenly over their split.

    Args:
        split: where the images to tune on come from.
        limit: the most images to tune on.
        other: where the held-out images come from, none of which is tuned on; may be the same.
        held_out: how many to hold out; None for all that are left, but no more than `limit`. Out
            of the same split they are set aside before the others are chosen.

    Returns:
        Indices in `split` and in `other`.

    Raises:
        ValueError: so many held-out images leave none to tune on.

    Example:
        >>> from deeplab_tf.data.synthetic import SyntheticSplit
        >>> split = SyntheticSplit("val", examples=6)
        >>> choose_images(split, limit=100, other=split, held_out=2)
        ([0, 1, 3, 4], [2, 5])
    """
    available = len(split) - (held_out or 0) * (split.split == other.split)
    if available < 1:
        raise ValueError(
            f"The split {split.split!r} has {len(split)} images; to hold out {held_out} leaves "
            "none to tune on."
        )
    tuning = spread_evenly(len(split), min(limit, available))
    names = {split.names[i] for i in tuning}
    left = [i for i, name in enumerate(other.names) if name not in names]
    return tuning, [left[i] for i in spread_evenly(len(left), held_out or limit)]


def tune(
    output: str | os.PathLike,
    tuning: CachedLogits,
    held_out: CachedLogits,
    start: CrfParameters,
    folder: str | os.PathLike,
    progress: Callable,
    workers: int,
    **options: Any,
) -> dict[str, Any]:
    """Searches parameters and writes them, evaluates them and writes the report.

    Args:
        output: JSON file for the parameters; the report's name has `.report.json` for `.json`.
        tuning: images to search on.
        held_out: other images to evaluate on; may be none.
        start: where the search starts, and what the result is compared with.
        folder: where the search keeps its results.
        progress: makes a progress bar, such as `cli.progress_bar`.
        workers: images refined at a time.
        **options: `grid` and `budget` of `search`.

    Returns:
        The report: `parameters` and `metrics` of the variants `without CRF`, `default` (the start)
        and `tuned`, the metrics on `tuning` and, if there are any, `held_out` images; `images`,
        `candidates` and `seconds`.

    Raises:
        DataError: the file of an earlier search's results, or one of logits, is broken.
    """
    begin, output = time.monotonic(), user_path(output)
    candidates = search(tuning, start, folder, progress, workers, **options)
    tuned = dataclasses.replace(start, **best_of(candidates)._asdict())
    _write_json(output, tuned.to_dict())
    variants = {"without CRF": None, "default": start, "tuned": tuned}
    parts = {"tuning": tuning, "held_out": held_out}
    report = {
        "images": {part: [p.split.split, len(p)] for part, p in parts.items()},
        "parameters": {"default": start.to_dict(), "tuned": tuned.to_dict()},
        "metrics": {
            part: compare(p, variants, progress, workers) for part, p in parts.items() if len(p)
        },
        "candidates": [{**c._asdict(), "miou": miou} for c, miou in candidates.items()],
        **options,
        "seconds": round(time.monotonic() - begin, 3),
    }
    _write_json(_report_file(output), report)
    return report


def tuning_owners(output: str | os.PathLike) -> dict[Path, Callable[[Path], bool]]:
    """Returns what `tune` writes for an output, as `check_outputs` takes it."""
    output = user_path(output)
    return {
        output: _is_tuned,
        _report_file(output): _is_report,
    }


def _is_report(file: Path) -> bool:
    """Whether a file is a report of `tune`; version 0.1 called the metrics scores."""
    keys = json_object(file).keys()
    return keys >= {"parameters", "candidates"} and not keys.isdisjoint({"metrics", "scores"})


def _is_tuned(file: Path) -> bool:
    """Whether a file holds every parameter, as the report says where one is there."""
    found, report = json_object(file), json_object(_report_file(file))
    if found.keys() != CrfParameters().to_dict().keys():
        return False
    return report.get("parameters", {"tuned": found})["tuned"] == found


def _report_file(output: Path) -> Path:
    return output.with_suffix(".report.json")


def _write_json(file: Path, content: dict[str, Any]) -> None:
    write_atomically(file, (json.dumps(content, indent=2) + "\n").encode())


def compare(
    examples: CachedLogits,
    variants: dict[str, CrfParameters | None],
    progress: Callable,
    workers: int,
) -> dict[str, dict]:
    """Evaluates parameters in the mode and implementation that they name.

    Args:
        examples: the images.
        variants: parameters by name, None for no CRF.
        progress: makes a progress bar, such as `cli.progress_bar`.
        workers: images refined at a time.

    Returns:
        The results of a `Metrics` by name, boundary IoU included.
    """
    metrics = {name: Metrics(examples.spec, boundary=True) for name in variants}

    def predict(number: int) -> tuple[np.ndarray, list[np.ndarray]]:
        logits, image, label = examples[number]
        return label, [_labels(logits, image, one) for one in variants.values()]

    with ThreadPoolExecutor(workers) as threads:
        predicted = threads.map(predict, range(len(examples)))
        for label, predictions in progress(predicted, total=len(examples)):
            for one, labels in zip(metrics.values(), predictions, strict=True):
                one.update(label, labels)
    return {name: one.results() for name, one in metrics.items()}


def _labels(logits: np.ndarray, image: np.ndarray, parameters: CrfParameters | None) -> np.ndarray:
    if parameters is None:
        return logits.argmax(axis=-1)
    inputs: dict[str, Any] = {"logits": logits}
    if parameters.from_probabilities:
        inputs = {"probabilities": tf.nn.softmax(logits).numpy()}
    refined = mean_field(image=image, **inputs, **parameters.to_dict())
    return np.asarray(refined).argmax(axis=-1)
