"""The training loop: repeats the step, logs, saves and asks for evaluations."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

import ml_collections
import tensorflow as tf

from deeplab_tf.data.pipeline import names_of_step
from deeplab_tf.data.split import Split, naming_broken_files, require_labels
from deeplab_tf.models.build_model import build_model
from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.models.in_precision import in_precision
from deeplab_tf.models.old_names import warn_renamed
from deeplab_tf.precision import PRECISIONS, Precision, explain_precision
from deeplab_tf.training.best_model import BestModel
from deeplab_tf.training.config import resolve_config
from deeplab_tf.training.config_ranges import check_config
from deeplab_tf.training.evaluations import Evaluations
from deeplab_tf.training.interruption import (
    Interruption,
    RunInterruptedError,
    noting_signals,
)
from deeplab_tf.training.losses import parse_loss
from deeplab_tf.training.progress import Progress
from deeplab_tf.training.run_batches import build_augmentation, distributed_batches
from deeplab_tf.training.run_lock import locked
from deeplab_tf.training.state import TrainingState
from deeplab_tf.training.step import build_step
from deeplab_tf.training.workdir import MetricsLog, Workdir, recorded_precision
from deeplab_tf.training.workers import (
    gather,
    is_chief,
    naming_lost_workers,
    require_same_run,
    require_same_step,
    share_of_batch,
)


class Trainer:
    """Trains a network from the work directory's last checkpoint, or from the start.

    Args:
        config: from `base_config`.
        split: training examples.
        workdir: folder for everything the run writes.
        strategy: where to train; one device if left out. Of several workers each has a Trainer,
            and only the chief's writes, evaluates and logs.
        log: receives lines for people.
        say: the name of `log` in version 0.1.

    Attributes:
        model: the network.

    Raises:
        ValueError: a value of the configuration is wrong, or it contradicts itself or the work
            directory; the checkpoint or the first weights are not finite; or workers were started
            with different configurations or data.
        DataError: class weights are asked for by name, and a file of labels is broken.

    Example:
        >>> import deeplab_tf, tempfile
        >>> from deeplab_tf.training.config import base_config
        >>> config = base_config("vgg16_large_fov")
        >>> config.data.augmentation, config.model.width = "crop(33)|mirror", 0.05
        >>> config.train.steps = 2
        >>> trainer = Trainer(config, deeplab_tf.data.open_split("synthetic", "train"),
        ...                   tempfile.mkdtemp(), log=lambda line: None)
        >>> trainer.run().num_classes
        5
    """

    def __init__(
        self,
        config: ml_collections.ConfigDict,
        split: Split,
        workdir: str | os.PathLike,
        strategy: tf.distribute.Strategy | None = None,
        log: Callable[[str], None] = print,
        say: Callable[[str], None] | None = None,
    ):
        if say is not None:
            warn_renamed("Trainer(say=)", "Trainer(log=)")
            log = say
        check_config(config)
        require_labels(split)
        self.config = config = resolve_config(config, len(split))
        self.split = split
        self.strategy = strategy or tf.distribute.get_strategy()
        self._is_chief = is_chief(self.strategy)
        self.log = log if self._is_chief else _no_log
        if config.train.precision == "auto":
            precision = self._choose_precision(workdir)
            self.log(str(precision))
            config.train.precision = precision.name
        share_of_batch(config.train.batch_size, self.strategy)  # refuses what cannot be divided
        require_same_run(self.strategy, config.to_json(), split)
        self._workdir = Workdir(workdir, config.to_dict(), split.spec)
        with naming_lost_workers(self.strategy), self.strategy.scope():
            self.model = build_model(config, split.spec, config.train.precision)
            self._augmentation = build_augmentation(config, self.model)
            folder = self._workdir.path / "checkpoints"
            self._state = TrainingState(config, self.model, folder, self.log)
        require_same_step(self.strategy, self._state.first_step)
        self._loss = parse_loss(config.train.loss).for_split(split, self.log)
        self._metrics: MetricsLog | None = None
        self._best: BestModel | None = None
        # Only now: a configuration that cannot be built must not bind the folder.
        if self._is_chief:
            self._workdir.describe()
            self._metrics = MetricsLog(self._workdir.path, self._state.first_step)
            monitor = config.train.monitor
            values = self._metrics.evaluations(monitor)
            self._best = BestModel(folder, monitor, config.train.patience, values, self.log)

    def _choose_precision(self, workdir: str | os.PathLike) -> Precision:
        # A run that goes on keeps what it began with, on another machine too.
        begun = recorded_precision(workdir)
        precision = Precision(begun, "as the run began") if begun else explain_precision("auto")
        if len(set(gather(self.strategy, PRECISIONS.index(precision.name)))) > 1:
            return Precision("float32", "the workers are fast in different ones")
        return precision

    def run(self, evaluate: Callable[[DeepLab], dict] | None = None) -> DeepLab:
        """Trains to the last step and saves `WORKDIR/model.keras`.

        Args:
            evaluate: called with the model every `eval_every` steps and at the end, never where
                that is 0; what it returns is logged, and has the number that is monitored. Only
                the chief calls it, and the other workers wait.

        Returns:
            The trained model, with the weights that are saved.

        Raises:
            FloatingPointError: the loss or a weight is not a finite number any more. Of such a
                network nothing is saved; the checkpoints before stay.
            OSError: a file cannot be written; the message names it.
            DataError: a file turned out to be broken; the message names it.
            ConnectionError: another worker stopped.
            RunInterruptedError: SIGTERM or SIGINT came; there is a checkpoint of the last step. An
                evaluation that it came in is made up when the run goes on.
            ValueError: another process is training in the work directory.
        """
        settings = self.config.train
        take_step = build_step(
            self.model,
            self._state.optimizer,
            self._state.trained,
            self.strategy,
            settings.weight_decay,
            self._loss,
            self.split.spec.ignore_label,
            settings.normalize,
            self._state.loss_scale,
            settings.clip_norm,
            self._state.average,
        )
        lock = locked(self._workdir.path) if self._is_chief else contextlib.nullcontext()
        evaluations = Evaluations(
            settings, self.strategy, self._state, self._metrics, self._best, evaluate
        )
        with lock, noting_signals() as interruption:
            self._train(take_step, evaluations, interruption)
        gather(self.strategy, 0)  # a worker that leaves would end the chief's process too
        return self.model

    def _train(
        self, take_step: Callable, evaluations: Evaluations, interruption: Interruption
    ) -> None:
        settings, first_step = self.config.train, self._state.first_step
        batches = distributed_batches(
            self.config,
            self.split,
            self._augmentation,
            self.model.mean_rgb,
            self.strategy,
            first_step,
        )
        if first_step < settings.steps:
            self.log(f"loss: {parse_loss(settings.loss).describe()}")
            self.log(f"augmentation: {self._augmentation.describe()}")
        images_of_step = settings.batch_size * settings.iter_size
        progress = Progress(
            first_step,
            settings.steps,
            images_of_step,
            self._state.losses,
            lambda step: names_of_step(self.split, step, images_of_step, settings.seed),
        )
        with naming_lost_workers(self.strategy), naming_broken_files(self.split):
            evaluations.make_up(progress, interruption)
            if number := self._signal(interruption):
                raise RunInterruptedError(number, first_step, settings.steps)
            is_over = evaluations.is_exhausted()
            step, last_step = first_step, first_step if is_over else settings.steps
            for step in range(first_step + 1, last_step + 1):
                batch = next(batches)
                progress.add(take_step(batch))
                is_last, is_evaluated = step == settings.steps, evaluations.is_due(step)
                if is_last or _is_due(step, settings.log_every):
                    self._write_log(step, progress)
                # A restart must not come before the evaluation that was the best.
                is_monitored = is_evaluated and settings.monitor
                if is_last or is_monitored or _is_due(step, settings.checkpoint_every):
                    self._save(step, progress, batch)
                if is_evaluated:
                    evaluations.run(step, progress, interruption)
                    if evaluations.is_exhausted():
                        break
                if number := self._signal(interruption):
                    self._save(step, progress, batch)
                    raise RunInterruptedError(number, step, settings.steps)
        if self._best:
            if self._state.average:
                self._state.average.apply()
            self._best.restore(self.model)
            self._workdir.save_model(in_precision(self.model, "float32"), step)

    def _signal(self, interruption: Interruption) -> int:
        """Returns the number of a signal that has come to any worker, or 0: all leave together."""
        return max(gather(self.strategy, interruption.number))

    def _save(self, step: int, progress: Progress, batch: dict[str, tf.Tensor]) -> None:
        progress.check(step)  # a broken network must not be what a restart finds
        crop = self.strategy.experimental_local_results(batch["images"])[0][0, :1]
        self._state.save(step, crop, progress.losses, write=self._is_chief)

    def _write_log(self, step: int, progress: Progress) -> None:
        rate = float(self._state.schedule(step - 1))
        values = progress.report(step, learning_rate=rate)
        if self._metrics:
            self._metrics.write(step, values)
            self.log(progress.line(step, values))


def _is_due(step: int, every: int) -> bool:
    """Whether something that happens every so many steps happens now; 0 is never."""
    return every > 0 and step % every == 0


def _no_log(line: str) -> None:
    """Logs nothing: what a worker does that is not the chief."""
