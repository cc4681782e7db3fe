"""Scores a model on a split, before and after the CRF in one pass."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import numpy as np

from deeplab_tf.data.constant_answer import (
    best_constant_answer,
    format_constant,
    or_none,
    percent,
)
from deeplab_tf.data.pipeline import evaluation_dataset
from deeplab_tf.data.split import Split, naming_broken_files, require_labels
from deeplab_tf.evaluation.confusion import ConfusionMatrix
from deeplab_tf.evaluation.predictor import Predictor


def evaluate(
    predictor: Predictor,
    split: Split,
    limit: int | None = None,
    progress=iter,
    save: Callable[[str, np.ndarray], None] | None = None,
) -> dict:
    """Scores a predictor on the pictures of a split at their own sizes.

    Args:
        predictor: what labels the pictures.
        split: the pictures and their labels.
        limit: number of pictures, or None for all.
        progress: wraps the pictures, such as `tqdm`.
        save: receives every picture's name and uint8 labels [H, W], after the CRF if there is
            one; such as a `SubmissionWriter`.

    Returns:
        The content of `metrics.json`: `images`, `miou`, `pixel_accuracy` and `per_class_iou`
        (None for a class that occurs neither in labels nor in predictions), the same under
        `crf` where the predictor has one, the `best_constant` answer to the same pixels, and
        `seconds`. A split without labels has no scores.

    Raises:
        ValueError: model and data set have another number of classes.
        DataError: a file is broken; the message names it. Or there are no labels and `save`
            is not given.
    """
    spec = split.spec
    if predictor.model.num_classes != spec.num_classes:
        raise ValueError(
            f"The model tells {predictor.model.num_classes} classes apart, the data set "
            f"{spec.name!r} has {spec.num_classes}. Evaluate it on the data set it was made for."
        )
    if save is None:
        require_labels(split)
    stages = ["before"] if predictor.crf is None else ["before", "after"]
    matrices = [ConfusionMatrix(spec.num_classes, spec.ignore_label) for _ in stages]
    start, images = time.monotonic(), 0
    with naming_broken_files(split):
        for example in progress(evaluation_dataset(split, limit)):
            stage_labels = predictor.before_and_after(example["image"].numpy())
            for matrix, labels in zip(matrices, stage_labels, strict=True):
                matrix.update(example["label"].numpy(), labels)
            if save is not None:
                save(example["name"].numpy().decode(), stage_labels[-1])
            images += 1
    results = {"images": images}
    if split.labelled:
        results.update(summarize(matrices[0], spec.class_names))
        if predictor.crf is not None:
            results["crf"] = summarize(matrices[1], spec.class_names)
        label_pixels = matrices[0].matrix.sum(1)
        results["best_constant"] = best_constant_answer(label_pixels, spec.class_names)
    return {**results, "seconds": round(time.monotonic() - start, 3)}


def summarize(matrix: ConfusionMatrix, class_names: Iterable[str]) -> dict:
    """Turns a confusion matrix into the entries of `metrics.json`."""
    ious = [or_none(iou) for iou in matrix.per_class_iou()]
    return {
        "miou": or_none(matrix.mean_iou()),
        "pixel_accuracy": or_none(matrix.pixel_accuracy()),
        "per_class_iou": dict(zip(class_names, ious, strict=True)),
    }


def one_line(results: dict) -> str:
    """Formats the mean scores for a log."""
    line = f"mIoU {percent(results['miou'])}  pixel accuracy {percent(results['pixel_accuracy'])}"
    if "crf" in results:
        crf = results["crf"]
        line += f"  after CRF {percent(crf['miou'])} {percent(crf['pixel_accuracy'])}"
    line += f"  {format_constant(results['best_constant'])}"
    return f"{line}  ({results['images']} images, {results['seconds']:.0f} s)"


def format_table(results: dict) -> str:
    """Formats per-class and mean scores for people, before and after the CRF."""
    columns = (
        {"before CRF": results, "after CRF": results["crf"]}
        if "crf" in results
        else {"IoU": results}
    )
    rows = [["class", *columns]]
    for name in results["per_class_iou"]:
        rows.append([name, *(percent(c["per_class_iou"][name]) for c in columns.values())])
    rows.append(["mIoU", *(percent(c["miou"]) for c in columns.values())])
    rows.append(["pixel accuracy", *(percent(c["pixel_accuracy"]) for c in columns.values())])
    width = max(len(row[0]) for row in rows)
    lines = [row[0].ljust(width) + "".join(cell.rjust(12) for cell in row[1:]) for row in rows]
    return "\n".join([*lines, format_constant(results["best_constant"])])
