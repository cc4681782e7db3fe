"""The evaluations of a run: when they are due, their lines in the log, and an early end."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import ml_collections
import numpy as np
import tensorflow as tf

from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.training.best_model import BestModel
from deeplab_tf.training.interruption import Interruption
from deeplab_tf.training.metrics_log import MetricsLog
from deeplab_tf.training.progress import Progress
from deeplab_tf.training.state import TrainingState
from deeplab_tf.training.workers import gather, gather_texts, place_of_worker


@runtime_checkable
class SharedEvaluation(Protocol):
    """An evaluation that workers share, such as `evaluation.SplitEvaluation`."""

    def part(
        self,
        model: DeepLab,
        shard: tuple[int, int] | None = None,
        strategy: tf.distribute.Strategy | None = None,
    ) -> dict[str, Any]:
        """Evaluates shard k of n, or everything, on the devices of a strategy.

        Returns values for JSON, and PNGs as bytes.
        """

    def whole(self, parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Merges the parts of all workers; only the chief calls it."""


Evaluate = Callable[[DeepLab], dict] | SharedEvaluation | None


class Evaluations:
    """Evaluates the network of a run, whose results only the chief has.

    Args:
        settings: section `train` of the configuration.
        strategy: where to train.
        state: with the network.
        metrics: where results are written; None where this process is not the chief.
        best: keeps the best network; None as well.
        evaluate: as for `Trainer.run`, or None.
    """

    def __init__(
        self,
        settings: ml_collections.ConfigDict,
        strategy: tf.distribute.Strategy,
        state: TrainingState,
        metrics: MetricsLog | None,
        best: BestModel | None,
        evaluate: Evaluate,
    ):
        self._settings, self._strategy, self._state = settings, strategy, state
        self._metrics, self._best, self._evaluate = metrics, best, evaluate

    def is_due(self, step: int) -> bool:
        """Whether a step has an evaluation: the last one and every `train.eval_every`, if not 0."""
        every = self._settings.eval_every if self._evaluate else 0
        return every > 0 and (step == self._settings.steps or step % every == 0)

    def make_up(self, progress: Progress, interruption: Interruption) -> None:
        """Evaluates what a kill between a checkpoint and its evaluation left out."""
        step = self._state.first_step
        if not (step and self.is_due(step)):
            return
        is_there = self._metrics is not None and step in self._metrics.evaluations("split")
        # Only the chief knows; the other workers may have to take part.
        if not any(gather(self._strategy, int(is_there))):
            self.run(step, progress, interruption)

    def run(self, step: int, progress: Progress, interruption: Interruption) -> None:
        """Evaluates the network of a step, or the average of its weights.

        Args:
            step: number of finished steps.
            progress: leaves the time out of the speed.
            interruption: leaves an evaluation in which a signal comes.
        """
        with progress.pause(), self._state.averaged():
            results = self._results(interruption)
            if results is not None and self._metrics and self._best:
                # A kill between the two must not leave a line whose network is lost: an
                # evaluation that has no line is made up.
                self._best.update(step, results, self._state.model)
                self._metrics.write(step, results)
                if self._settings.log_histograms:
                    arrays = self._state.model.variables_by_name().items()
                    self._metrics.write_histograms(step, {n: np.asarray(v) for n, v in arrays})

    def _results(self, interruption: Interruption) -> dict[str, Any] | None:
        """Returns the results on the chief; None where a signal came, and in other workers."""
        evaluate, model = self._evaluate, self._state.model
        place, workers = place_of_worker(self._strategy)
        if evaluate is None:
            return None
        if not isinstance(evaluate, SharedEvaluation):  # the others wait in their next step
            return interruption.try_to(evaluate, model) if self._metrics else None
        shard = (place, workers) if workers > 1 else None
        part = interruption.try_to(evaluate.part, model, shard, self._strategy)
        if max(gather(self._strategy, int(part is None))):
            return None  # all leave, also where the signal came to another
        panels = {name: value for name, value in part.items() if isinstance(value, bytes)}
        own = {name: value for name, value in part.items() if name not in panels}
        parts = [json.loads(text) for text in gather_texts(self._strategy, json.dumps(own))]
        return {**evaluate.whole(parts), **panels} if self._metrics else None

    def is_exhausted(self) -> bool:
        """Whether the run ends early; only the chief knows, and tells the other workers."""
        if not self._settings.patience:
            return False
        return any(gather(self._strategy, int(self._best is not None and self._best.is_exhausted)))
