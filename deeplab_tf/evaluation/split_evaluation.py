"""Evaluates the network of a run on a split, together with other workers if there are any."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from deeplab_tf.data.split import Split
from deeplab_tf.evaluation.evaluate import evaluate, one_line
from deeplab_tf.evaluation.merged_metrics import merge_metrics
from deeplab_tf.evaluation.metrics import without_counts
from deeplab_tf.evaluation.panels import Panels
from deeplab_tf.evaluation.predictor import Predictor
from deeplab_tf.models.deeplab import DeepLab


class SplitEvaluation:
    """What `Trainer.run` takes to evaluate a network on a split.

    Args:
        split: the images and their labels.
        name: of the split.
        limit: number of images; None or 0 for all.
        panels: number of images that are drawn with label and prediction, of the first worker's.
        log: receives a line for every evaluation.
        progress: wraps the images, such as `tqdm`.

    Example:
        >>> split = deeplab_tf.data.open_split("synthetic", "val")
        >>> evaluation = SplitEvaluation(split, "val", limit=2, panels=0, log=lambda line: None)
        >>> model = deeplab_tf.DeepLab(dataset=split.spec, width=0.05)
        >>> evaluation.whole([evaluation.part(model)])["images"]
        2
    """

    def __init__(
        self,
        split: Split,
        name: str,
        limit: int | None = None,
        panels: int = 2,
        log: Callable[[str], None] = print,
        progress: Callable[[Iterable], Iterable] = iter,
    ):
        self._split, self._name, self._limit = split, name, limit or None
        self._log, self._progress = log, progress
        self._panels = Panels(split, panels, self._limit) if panels else None
        # One for all evaluations of a network, so that it is traced once.
        self._predictor_of = functools.lru_cache(maxsize=1)(Predictor)

    def part(self, model: DeepLab, shard: tuple[int, int] | None = None) -> dict[str, Any]:
        """Evaluates a network on one worker's share of the images.

        Args:
            model: the network.
            shard: as for `evaluate`; None evaluates all images.

        Returns:
            What `evaluate` returns, and panels as the bytes of PNG files.
        """
        results = evaluate(
            self._predictor_of(model), self._split, self._limit, self._progress,
            [self._panels] if self._panels else [], shard,
        )  # fmt: skip
        return {**results, **(self._panels.take() if self._panels else {})}

    def whole(self, parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Merges the parts of all workers, and logs a line.

        Args:
            parts: one of all images, or one of every shard.

        Returns:
            The results for `metrics.jsonl`, without counts.
        """
        results = merge_metrics(parts) if len(parts) > 1 else parts[0]
        self._log(one_line(results))
        return {"split": self._name, **without_counts(results)}
