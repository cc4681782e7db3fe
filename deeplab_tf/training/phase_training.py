"""Trains from the newest checkpoint to the end of a phase: repeats the step, logs and saves."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from deeplab_tf.data.pipeline import names_of_step
from deeplab_tf.data.split import Split, naming_broken_files
from deeplab_tf.models.build_model import build_model
from deeplab_tf.models.in_precision import in_precision
from deeplab_tf.training.best_model import BestModel
from deeplab_tf.training.callbacks.runner import RunCallbacks
from deeplab_tf.training.divergence import DivergedError
from deeplab_tf.training.evaluations import Evaluate, Evaluations
from deeplab_tf.training.interruption import Interruption, RunInterruptedError
from deeplab_tf.training.losses import parse_loss
from deeplab_tf.training.metrics_log import MetricsLog
from deeplab_tf.training.phases import Phase
from deeplab_tf.training.progress import Progress
from deeplab_tf.training.run_batches import build_augmentation, distributed_batches
from deeplab_tf.training.start_lines import FirstSteps, describe_steps
from deeplab_tf.training.state import TrainingState
from deeplab_tf.training.step import build_step
from deeplab_tf.training.workdir import Workdir
from deeplab_tf.training.workers import (
    gather,
    is_chief,
    naming_lost_workers,
    require_same_step,
)


class PhaseTraining:
    """Trains a network, as it is after the newest checkpoint, to the end of a phase.

    Args:
        phase: from `split_phases`, the one that the newest checkpoint leads to.
        split: training examples.
        workdir: files of the run.
        strategy: where to train.
        log: receives lines for people.

    Attributes:
        model: the network; after `finish` that of `model.keras`.
        state: what a step changes.

    Raises:
        ValueError: as for `Trainer`.
        DataError: as for `Trainer`.
    """

    def __init__(
        self,
        phase: Phase,
        split: Split,
        workdir: Workdir,
        strategy: tf.distribute.Strategy,
        log: Callable[[str], None],
    ):
        self._phase, self._settings, self._split = phase, phase.config.train, split
        self._workdir, self._strategy, self._log = workdir, strategy, log
        self._is_chief = is_chief(strategy)
        with naming_lost_workers(strategy), strategy.scope():
            self.model = build_model(phase.config, split.spec, self._settings.precision)
            self._augmentation = build_augmentation(phase.config, self.model)
            self.state = TrainingState(phase, self.model, workdir.path / "checkpoints", log)
        require_same_step(strategy, self.state.first_step)
        self._loss = parse_loss(self._settings.loss).for_split(split, log)
        self._metrics: MetricsLog | None = None
        self._best: BestModel | None = None

    def open_files(self, callbacks: RunCallbacks) -> None:
        """Binds the folder to the run.

        Neither a configuration that cannot be built nor a run without the lock may do so.

        Args:
            callbacks: receive every line, and may end the run.
        """
        self._callbacks = callbacks
        if self._is_chief:
            self._workdir.describe()
            folder, step = self._workdir.path, self.state.first_step
            self._metrics = MetricsLog(folder, step, also=callbacks.write)
            monitor, patience = self._settings.monitor, self._settings.patience
            values = self._metrics.evaluations(monitor)
            folder = self._workdir.path / "checkpoints"
            self._best = BestModel(folder, monitor, patience, values, self._log)
            self._workdir.upload()

    def run(self, evaluate: Evaluate, interruption: Interruption) -> bool:
        """Trains to the end of the phase.

        Args:
            evaluate: as for `Trainer.run`.
            interruption: ends it after a step.

        Returns:
            Whether the run ends before its last step: it gets no better, or a callback asks for it.

        Raises:
            DivergedError: the loss or a weight is not a finite number any more.
            RunInterruptedError: a signal came.
        """
        settings, first_step = self._settings, self.state.first_step
        evaluations = Evaluations(
            settings, self._strategy, self.state, self._metrics, self._best, evaluate
        )
        seed = settings.seed + self.state.reorders
        images_of_step = settings.batch_size * settings.iter_size
        progress = Progress(
            first_step,
            settings.steps,
            images_of_step,
            self.state.losses,
            lambda step: names_of_step(self._split, step, images_of_step, seed),
        )
        if first_step < self._phase.last_step:
            replicas = self._strategy.num_replicas_in_sync
            crop, images = self._augmentation.crop_size, len(self._split)
            self._log(describe_steps(settings, crop, images, replicas))
            self._log(f"loss: {parse_loss(settings.loss).describe()}")
            self._log(f"augmentation: {self._augmentation.describe()}")
        with naming_lost_workers(self._strategy), naming_broken_files(self._split):
            evaluations.make_up(progress, interruption)
            if signal := self._signal(interruption):
                raise RunInterruptedError(signal, first_step, settings.steps)
            if evaluations.is_exhausted():
                return True
            return self._repeat(progress, evaluations, interruption, seed)

    def _repeat(
        self,
        progress: Progress,
        evaluations: Evaluations,
        interruption: Interruption,
        seed: int,
    ) -> bool:
        settings, last_step = self._settings, self._phase.last_step
        take_step = self._build_step()
        batches = distributed_batches(
            self._phase.config, self._split, self._augmentation, self.model.mean_rgb,
            self._strategy, self.state.first_step, seed,
        )  # fmt: skip
        first_steps = FirstSteps(self.state.first_step, last_step)
        for step in range(self.state.first_step + 1, last_step + 1):
            batch = next(batches)
            progress.add(take_step(batch))
            if line := first_steps.measure(step, progress.losses[-1]):
                self._log(line)
            is_last, is_evaluated = step == last_step, evaluations.is_due(step)
            if is_last or _is_due(step, settings.log_every):
                self._write_log(step, progress)
            # A restart must not come before the evaluation that was the best.
            is_monitored = is_evaluated and settings.monitor
            if is_last or is_monitored or _is_due(step, settings.checkpoint_every):
                self._save(step, progress, batch)
            if is_evaluated:
                evaluations.run(step, progress, interruption)
                self._workdir.upload()
                if evaluations.is_exhausted():
                    return True
            is_stopped, signal = self._is_stopped(), self._signal(interruption)
            if is_stopped or signal:
                self._save(step, progress, batch)
            if signal:
                raise RunInterruptedError(signal, step, settings.steps)
            if is_stopped:
                self._log(f"a callback ends the run at step {step}")
                return True
        return False

    def _is_stopped(self) -> bool:
        """Whether a callback has asked for the end of the run, which only the chief knows."""
        if not self._settings.callbacks:
            return False
        return any(gather(self._strategy, int(self._callbacks.stop_training)))

    def _build_step(self) -> Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]]:
        settings, state = self._settings, self.state
        return build_step(
            self.model,
            state.optimizer,
            state.trained,
            self._strategy,
            settings.weight_decay,
            self._loss,
            self._split.spec.ignore_label,
            settings.normalize,
            state.loss_scale,
            settings.clip_norm,
            state.average,
        )

    def finish(self) -> None:
        """Saves `last.keras`, and the best network as `model.keras`; the last where none is."""
        if self.state.average:
            self.state.average.apply()
        if self._best:
            self._workdir.save_last(in_precision(self.model, "float32"))
            self.model = self._best.restore(self.model, since=self._phase.first_step)
            self._workdir.save_model(in_precision(self.model, "float32"), self.state.saved)

    def _signal(self, interruption: Interruption) -> int:
        """Returns the number of a signal that has come to any worker, or 0: all leave together."""
        return max(gather(self._strategy, interruption.number))

    def _save(self, step: int, progress: Progress, batch: dict[str, tf.Tensor]) -> None:
        """Saves a checkpoint, of a sound network only: it is what a restart finds."""
        progress.check(step)
        crop = self._strategy.experimental_local_results(batch["images"])[0][0, :1]
        fault = self.state.fault(step, crop)
        # Workers try the network on crops of their own, and go on or leave together.
        if max(gather(self._strategy, int(fault is not None))):
            raise DivergedError(fault or f"The network of step {step} is broken in another worker.")
        self.state.save(step, progress.losses, write=self._is_chief)
        self._workdir.upload()

    def _write_log(self, step: int, progress: Progress) -> None:
        values = progress.report(step, learning_rate=self.state.rate(step))
        if self._metrics:
            self._metrics.write(step, values)
            self._log(progress.line(step, values))


def _is_due(step: int, every: int) -> bool:
    """Whether something that happens every so many steps happens now; 0 is never."""
    return every > 0 and step % every == 0
