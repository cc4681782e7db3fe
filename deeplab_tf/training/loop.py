"""The training loop: repeats the step, logs, saves and asks for evaluations."""

from __future__ import annotations

import contextlib
import datetime
import math
import time
from collections.abc import Callable

import tensorflow as tf

from deeplab_tf import compat
from deeplab_tf.data.augment import Augmentation
from deeplab_tf.data.pipeline import training_dataset
from deeplab_tf.data.split import Split, naming_broken_files, require_labels
from deeplab_tf.models.build import build_model
from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.training.checkpoints import Checkpoints
from deeplab_tf.training.config_ranges import check_config
from deeplab_tf.training.divergence import FiniteCheck
from deeplab_tf.training.optimizers import build_optimizer, trained_variables
from deeplab_tf.training.schedules import build_schedule
from deeplab_tf.training.step import build_step
from deeplab_tf.training.workdir import MetricsLog, Workdir
from deeplab_tf.training.workers import (
    gather,
    is_chief,
    naming_lost_workers,
    require_same_run,
    require_same_step,
    share_of_batch,
)
from deeplab_tf.weights.apply import load_into


class Trainer:
    """Trains a network as a configuration says, from the work directory's last checkpoint on.

    Args:
        config: from `base_config`.
        split: training examples.
        workdir: folder for everything the run writes.
        strategy: where to train; one device if left out. Of several workers each has a Trainer,
            and only the chief's writes, evaluates and says something.
        log: receives lines for people.

    Attributes:
        model: the network.

    Raises:
        ValueError: a value of the configuration is wrong, or it contradicts itself or the work
            directory; the checkpoint or the first weights are not finite; or workers differ in
            what they were given.

    Example:
        >>> import deeplab_tf, tempfile
        >>> from deeplab_tf.training.config import base_config
        >>> config = base_config("vgg16_large_fov")
        >>> config.model.width, config.data.crop_size, config.train.steps = 0.05, 33, 2
        >>> trainer = Trainer(config, deeplab_tf.data.open_split("synthetic", "train"),
        ...                   tempfile.mkdtemp(), log=lambda line: None)
        >>> trainer.run().num_classes
        5
    """

    def __init__(
        self,
        config,
        split: Split,
        workdir,
        strategy: tf.distribute.Strategy | None = None,
        log: Callable[[str], None] = print,
    ):
        check_config(config)
        require_labels(split)
        self.config = config
        self.split = split
        self.strategy = strategy or tf.distribute.get_strategy()
        self._is_chief = is_chief(self.strategy)
        self.log = log = log if self._is_chief else _say_nothing
        self._micro_batch = share_of_batch(config.train.batch_size, self.strategy)
        require_same_run(self.strategy, config.to_json(), split)
        self._workdir = Workdir(workdir, config.to_dict(), split.spec)
        settings = config.train
        with naming_lost_workers(self.strategy), self.strategy.scope():
            self.model = build_model(config, split.spec)
            self._augmentation = build_augmentation(config, self.model)
            self._trained = trained_variables(
                self.model, settings.rate_multipliers, settings.decay_multipliers
            )
            self._schedule = build_schedule(settings)
            self._optimizer = build_optimizer(
                settings.optimizer, settings.optimizer_args, self._schedule
            )
            compat.create_slots(self._optimizer, [entry.variable for entry in self._trained])
            named = self.model.variables_by_name().items()
            self._checkpoints = Checkpoints(
                self._workdir.path / "checkpoints",
                {name: compat.tf_variable(variable) for name, variable in named},
                self._optimizer,
                settings.keep_checkpoints,
                log,
            )
            self._first_step = self._checkpoints.restore()
            if self._first_step:
                log(f"going on from the checkpoint of step {self._first_step}")
            else:
                report = load_into(self.model, config.model.weights)
                log(report.summary() if config.model.weights == "random" else str(report))
            self._finite = FiniteCheck(self.model, self._optimizer)
            self._finite.check_start(self._first_step, config.model.weights)
        require_same_step(self.strategy, self._first_step)
        # Only now: a configuration that cannot be built must not bind the folder.
        if self._is_chief:
            self._workdir.describe()
            self._log = MetricsLog(self._workdir.path, self._first_step)

    def run(self, evaluate: Callable[[DeepLab], dict] | None = None) -> DeepLab:
        """Trains to the last step and saves `WORKDIR/model.keras`.

        Args:
            evaluate: called with the model every `eval_every` steps and at the end, never where
                that is 0; what it returns is logged. Only the chief calls it, and the other
                workers wait.

        Returns:
            The trained model.

        Raises:
            FloatingPointError: the loss or a weight is not a finite number any more. Of such a
                network nothing is saved; the checkpoints before stay.
            OSError: a file cannot be written; the message names it.
            DataError: a file turned out to be broken; the message names it.
            ConnectionError: another worker stopped.
        """
        settings = self.config.train
        if not settings.eval_every:
            evaluate = None
        step_function = build_step(
            self.model,
            self._optimizer,
            self._trained,
            self.strategy,
            settings.weight_decay,
            self.split.spec.ignore_label,
            settings.normalize,
        )
        batches = iter(self.strategy.distribute_datasets_from_function(self._dataset))
        if self._first_step < settings.steps:
            self.log(f"augmentation: {self._augmentation.describe()}")
        saved = self._first_step
        progress = _Progress(self._first_step, settings.steps, self._images_per_step)
        with naming_lost_workers(self.strategy), naming_broken_files(self.split):
            for step in range(self._first_step + 1, settings.steps + 1):
                batch = next(batches)
                progress.add(step_function(batch))
                is_last = step == settings.steps
                if is_last or _is_due(step, settings.log_every):
                    rate = float(self._schedule(step - 1))
                    values = progress.report(step, learning_rate=rate)
                    if self._is_chief:
                        self._log.write(step, values)
                        self.log(progress.line(step, values))
                if is_last or _is_due(step, settings.checkpoint_every):
                    # A broken network must not be what a restart finds.
                    progress.check(step)
                    self._finite.check_step(step, saved, self._one_crop(batch))
                    if self._is_chief:
                        self._checkpoints.save(step)
                    saved = step
                # Nothing in an evaluation is shared: the others wait in the next step's sums.
                if self._is_chief and evaluate and (is_last or _is_due(step, settings.eval_every)):
                    with progress.pause():
                        self._log.write(step, evaluate(self.model))
        if self._is_chief:
            self._workdir.save_model(self.model)
        gather(self.strategy, 0)  # a worker that leaves would end the chief's process too
        return self.model

    def _one_crop(self, batch):
        return self.strategy.experimental_local_results(batch["images"])[0][0, :1]

    @property
    def _images_per_step(self) -> int:
        return self.config.train.batch_size * self.config.train.iter_size

    def _dataset(self, context: tf.distribute.InputContext) -> tf.data.Dataset:
        settings = self.config.train
        return training_dataset(
            self.split,
            self._augmentation,
            self.model.mean_rgb,
            micro_batch=self._micro_batch,
            iter_size=settings.iter_size,
            seed=settings.seed,
            start_step=self._first_step,
            replicas=self.strategy.num_replicas_in_sync,
            worker=context.input_pipeline_id,
            workers=context.num_input_pipelines,
            cache=self.config.data.cache,
        )


def build_augmentation(config, model: DeepLab) -> Augmentation:
    """Builds the augmentation of a configuration.

    Raises:
        ValueError: the crop does not fit the model's score grid; the message names sizes that do.
    """
    data, multiple = config.data, model.size_multiple
    if data.crop_size % multiple != 1 % multiple:
        below = max(data.crop_size - 1, multiple) // multiple * multiple + 1
        raise ValueError(
            f"data.crop_size must be a multiple of {multiple} plus 1, such as {below} or "
            f"{below + multiple}. Received: {data.crop_size}"
        )
    return read_augmentation(data)


def read_augmentation(data) -> Augmentation:
    """Reads the augmentation of a configuration's section `data`, for any model."""
    scale_range = tuple(data.scale_range) or None
    return Augmentation(data.crop_size, data.scales, scale_range, data.mirror, data.image_scale)


def _is_due(step: int, every: int) -> bool:
    """Whether something that happens every so many steps happens now; 0 is never."""
    return every > 0 and step % every == 0


def _say_nothing(line: str):
    """What a worker that is not the chief says."""


class _Progress:
    """Collects losses between two log lines and knows the time left."""

    def __init__(self, first_step: int, steps: int, images_per_step: int):
        self._steps = steps
        self._images_per_step = images_per_step
        self._losses = []
        self._begin = self._logged = (time.monotonic(), first_step)
        self._warm = None

    def add(self, results):
        self._losses.append(results["loss"])

    @contextlib.contextmanager
    def pause(self):
        """Keeps what happens inside out of the speed."""
        start = time.monotonic()
        yield
        seconds = time.monotonic() - start
        for name in ("_begin", "_logged", "_warm"):
            mark = getattr(self, name)
            if mark:
                setattr(self, name, (mark[0] + seconds, mark[1]))

    def check(self, step: int) -> float:
        """Returns the mean loss since the last report; raises if it is not a number."""
        loss = float(tf.reduce_mean(tf.stack(self._losses))) if self._losses else 0.0
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"The loss became {loss} between step {self._logged[1]} and step {step}. "
                "Lower train.learning_rate, or look for broken labels."
            )
        return loss

    def report(self, step: int, **values) -> dict:
        loss = self.check(step)
        self._losses.clear()
        now = time.monotonic()
        seconds = max(now - self._logged[0], 1e-9)
        speed = (step - self._logged[1]) * self._images_per_step / seconds
        self._logged = (now, step)
        # The first interval also traces and compiles the step: the time left ignores it.
        self._warm = self._warm or self._logged
        return {"loss": loss, **values, "images_per_second": speed}

    def line(self, step: int, values: dict) -> str:
        begin = self._warm if self._warm[1] < step else self._begin
        per_step = (self._logged[0] - begin[0]) / max(step - begin[1], 1)
        left = datetime.timedelta(seconds=round(per_step * (self._steps - step)))
        return (
            f"step {step}/{self._steps}  loss {values['loss']:.4f}  "
            f"rate {values['learning_rate']:.2e}  "
            f"{values['images_per_second']:.2f} images/s  {left} left"
        )
