"""Evaluates the network of a run on a split, on all of its devices and with its other workers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import tensorflow as tf

from deeplab_tf.data.split import Split
from deeplab_tf.evaluation.device_evaluation import DeviceEvaluation
from deeplab_tf.evaluation.evaluate import one_line
from deeplab_tf.evaluation.merged_metrics import merge_metrics
from deeplab_tf.evaluation.metrics import without_counts
from deeplab_tf.evaluation.panels import Panels
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
        self._name, self._log = name, log
        limit = limit or None
        self._panels = Panels(split, panels, limit) if panels else None
        callbacks = [self._panels] if self._panels else []
        self._devices = DeviceEvaluation(split, limit, progress, callbacks)

    def part(
        self,
        model: DeepLab,
        shard: tuple[int, int] | None = None,
        strategy: tf.distribute.Strategy | None = None,
    ) -> dict[str, Any]:
        """Evaluates a network on one worker's share of the images.

        Args:
            model: the network.
            shard: as for `evaluate`; None evaluates all images.
            strategy: that the network was built with; its devices of this machine share the work.
                Every worker has as many. None evaluates on one.

        Returns:
            What `evaluate` returns for every device, under `parts`, and panels as the bytes of PNG
            files.
        """
        parts = self._devices.parts(model, shard, strategy)
        return {"parts": parts, **(self._panels.take() if self._panels else {})}

    def whole(self, parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Merges the parts of all workers, and logs a line.

        Args:
            parts: one of all images, or one of every shard.

        Returns:
            The results for `metrics.jsonl`, without counts.
        """
        of_devices = [results for part in parts for results in part["parts"]]
        results = merge_metrics(of_devices) if len(of_devices) > 1 else of_devices[0]
        self._log(one_line(results))
        return {"split": self._name, **without_counts(results)}
