"""Evaluates a predictor on a split, before and after the CRF in one pass."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from deeplab_tf.data.class_mapping import class_mapping
from deeplab_tf.data.formatting import percent
from deeplab_tf.data.majority_baseline import format_baseline, majority_baseline
from deeplab_tf.data.pipeline import evaluation_dataset, spread_evenly
from deeplab_tf.data.split import Split, naming_broken_files, require_labels
from deeplab_tf.evaluation.metrics import Metrics
from deeplab_tf.evaluation.predictor import Predictor
from deeplab_tf.evaluation.shard_record import describe_shard
from deeplab_tf.models.old_names import renamed_argument, warn_renamed

# Images that may wait to be counted and written while the next ones are labelled.
_WAITING = 4
MEANS = {
    "mIoU": "miou",
    "pixel accuracy": "pixel_accuracy",
    "mean accuracy": "mean_accuracy",
    "frequency-weighted IoU": "frequency_weighted_iou",
    "boundary IoU": "boundary_iou",
}
# The rows of the table; metrics.json has all widths.
_TRIMAP_WIDTHS = (1, 5, 10, 20, 40)


class EvaluatedImage(NamedTuple):
    """One image of an evaluation, as callbacks receive it.

    Attributes:
        name: its name in the split.
        image: uint8 RGB [H, W, 3].
        label: uint8 [H, W], or None where the split is not labelled.
        predictions: uint8 [H, W] each, ids of the data set: before the CRF and, if there is one,
            after it.
    """

    name: str
    image: np.ndarray
    label: np.ndarray | None
    predictions: list[np.ndarray]

    @property
    def answers(self) -> list[np.ndarray]:
        """The name of `predictions` in version 0.1."""
        warn_renamed("EvaluatedImage.answers", "EvaluatedImage.predictions", stacklevel=3)
        return self.predictions


@renamed_argument("listeners", "callbacks")
def evaluate(
    predictor: Predictor,
    split: Split,
    limit: int | None = None,
    progress: Callable[[Iterable], Iterable] = iter,
    callbacks: Sequence[Callable[[EvaluatedImage], object]] = (),
    shard: tuple[int, int] | None = None,
    **measures: Any,
) -> dict[str, Any]:
    """Computes the metrics of a predictor on the images of a split at their own sizes.

    Decoding runs ahead and counting behind, in a thread of its own, while the predictor computes.
    Classes are matched by their names: the predictor's labels become the data set's ids.

    Args:
        predictor: what labels the images.
        split: the images and their labels.
        limit: number of images, or None for all.
        progress: wraps the images, such as `tqdm`.
        callbacks: each is called with every image, in the order of the split and in one
            thread, but not the caller's; such as a `SubmissionWriter`. Images that were
            labelled before something went wrong still reach them.
        shard: evaluate one shard of the images only: its number k, from 1, and the number n of
            shards. It has the images k, k + n, k + 2n ...; `merge_metrics` merges all shards.
        **measures: which metrics are computed: `trimap`, `boundary` and `absent` of `Metrics`.

    Returns:
        The content of `metrics.json`: `images`, the results of a `Metrics` with their counts (None
        for a class that occurs neither in labels nor in predictions), the same under `crf` where
        the predictor has one, the majority-class baseline of the same pixels under
        `best_constant`, and `seconds`; of a shard also what `describe_shard` returns under `shard`.
        A split without labels has no metrics.

    Raises:
        ValueError: model and data set have other classes; there is no such shard; or the metrics or
            a callback failed with an OSError or ValueError, and the message names the image.
        DataError: a file is broken; the message names it. Or there are neither labels nor
            callbacks, or there is one class only.
        FloatingPointError: the network's logits for an image are not finite.

    Example:
        >>> split = deeplab_tf.data.open_split("synthetic", "val")
        >>> predictor = Predictor(deeplab_tf.DeepLab(dataset=split.spec, width=0.05))
        >>> results = evaluate(predictor, split, limit=2)
        >>> results["images"], 0 <= results["miou"] <= 1
        (2, True)
    """
    spec = split.spec
    mapping = class_mapping(predictor.model.spec, spec)
    if split.labelled or not callbacks:
        require_labels(split)
    dataset = evaluation_dataset(split, limit, shard)
    stage_metrics = [Metrics(spec, **measures) for _ in range(1 if predictor.crf is None else 2)]
    start, images = time.monotonic(), 0
    waiting: deque[Future] = deque()
    with naming_broken_files(split), ThreadPoolExecutor(max_workers=1) as worker:
        for example in progress(dataset):
            image = _predict(predictor, example, split.labelled, mapping)
            waiting.append(worker.submit(_receive, image, stage_metrics, callbacks))
            if len(waiting) > _WAITING:
                waiting.popleft().result()
            images += 1
        for received in waiting:
            received.result()
    results: dict[str, Any] = {"images": images}
    if shard is not None:
        names = [split.names[i] for i in spread_evenly(len(split), limit)]
        results["shard"] = describe_shard(shard, predictor, names)
    if split.labelled:
        results.update(stage_metrics[0].results(counts=True))
        if predictor.crf is not None:
            results["crf"] = stage_metrics[1].results(counts=True)
        label_pixels = stage_metrics[0].confusion.matrix.sum(1)
        results["best_constant"] = majority_baseline(label_pixels, spec.class_names)
    return {**results, "seconds": round(time.monotonic() - start, 3)}


def _predict(
    predictor: Predictor, example: dict[str, Any], labelled: bool, mapping: np.ndarray
) -> EvaluatedImage:
    image = example["image"].numpy()
    label = example["label"].numpy().astype(np.uint8) if labelled else None
    name = example["name"].numpy().decode()
    try:
        predictions = predictor.predict_stages(image)
    except FloatingPointError as error:
        raise FloatingPointError(f"{name}: {error}") from error
    return EvaluatedImage(name, image, label, [mapping[prediction] for prediction in predictions])


def _receive(
    image: EvaluatedImage, stage_metrics: Sequence[Metrics], callbacks: Sequence[Callable]
) -> None:
    try:
        if image.label is not None:
            for metrics, prediction in zip(stage_metrics, image.predictions, strict=True):
                metrics.update(image.label, prediction)
        for callback in callbacks:
            callback(image)
    except (OSError, ValueError) as error:
        if getattr(error, "filename", None) is not None:
            raise  # a file that cannot be written, which the error names
        raise ValueError(f"{image.name}: {error}") from error


def one_line(results: dict[str, Any]) -> str:
    """Formats the mean metrics in one line for a log.

    Args:
        results: from `evaluate`.
    """
    line = f"mIoU {percent(results['miou'])}  pixel accuracy {percent(results['pixel_accuracy'])}"
    if "crf" in results:
        crf = results["crf"]
        line += f"  after CRF {percent(crf['miou'])} {percent(crf['pixel_accuracy'])}"
    line += f"  {format_baseline(results['best_constant'])}"
    return f"{line}  ({results['images']} images, {results['seconds']:.0f} s)"


def format_table(results: dict[str, Any]) -> str:
    """Formats per-class and mean metrics as a table, before and after the CRF.

    Args:
        results: from `evaluate`.
    """
    columns = (
        {"before CRF": results, "after CRF": results["crf"]}
        if "crf" in results
        else {"IoU": results}
    )
    rows = [["class", *columns]]
    for name in results["per_class_iou"]:
        rows.append([name, *(percent(c["per_class_iou"][name]) for c in columns.values())])
    for title, key in MEANS.items():
        if key in results:
            rows.append([title, *(percent(c[key]) for c in columns.values())])
    if "trimap" in results:
        rows += _trimap_rows([c["trimap"] for c in columns.values()])
    width = max(len(row[0]) for row in rows)
    lines = [row[0].ljust(width) + "".join(cell.rjust(12) for cell in row[1:]) for row in rows]
    if results["absent"] != "exclude":
        lines.append(f"means over classes by the rule {results['absent']!r} for absent ones")
    return "\n".join([*lines, format_baseline(results["best_constant"])])


def _trimap_rows(trimaps: list[dict]) -> list[list[str]]:
    rows = []
    for title, key in (("mIoU", "miou"), ("pixel accuracy", "pixel_accuracy")):
        for width in _TRIMAP_WIDTHS:
            name = f"{title} within {width} px of {trimaps[0]['from']}"
            rows.append([name, *(percent(t[key][t["widths"].index(width)]) for t in trimaps)])
    return rows
