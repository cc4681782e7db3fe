"""The evaluations of a run: when they are due, their lines in the log, and an early end."""

from __future__ import annotations

from collections.abc import Callable

import ml_collections
import tensorflow as tf

from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.training.best_model import BestModel
from deeplab_tf.training.interruption import Interruption
from deeplab_tf.training.metrics_log import MetricsLog
from deeplab_tf.training.progress import Progress
from deeplab_tf.training.state import TrainingState
from deeplab_tf.training.workers import gather


class Evaluations:
    """Evaluates the network of a run, which only the chief does.

    Args:
        settings: section `train` of the configuration.
        strategy: where to train.
        state: with the network.
        metrics: where results are written; None where this process is not the chief.
        best: keeps the best network; None as well.
        evaluate: from the network to the results, or None.
    """

    def __init__(
        self,
        settings: ml_collections.ConfigDict,
        strategy: tf.distribute.Strategy,
        state: TrainingState,
        metrics: MetricsLog | None,
        best: BestModel | None,
        evaluate: Callable[[DeepLab], dict] | None,
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
        if not (self._metrics and step and self.is_due(step)):
            return
        if step not in self._metrics.evaluations("split"):
            self.run(step, progress, interruption)

    def run(self, step: int, progress: Progress, interruption: Interruption) -> None:
        """Evaluates the network of a step, or the average of its weights.

        Args:
            step: number of finished steps.
            progress: leaves the time out of the speed.
            interruption: leaves an evaluation in which a signal comes.
        """
        # Nothing in an evaluation is shared: the others wait in the next step's sums.
        if not (self._evaluate and self._metrics and self._best):
            return
        with progress.pause(), self._state.averaged():
            results = interruption.try_to(self._evaluate, self._state.model)
            if results is not None:
                self._metrics.write(step, results)
                self._best.update(step, results, self._state.model)

    def is_exhausted(self) -> bool:
        """Whether the run ends early; only the chief knows, and tells the other workers."""
        if not self._settings.patience:
            return False
        return any(gather(self._strategy, int(self._best is not None and self._best.is_exhausted)))
