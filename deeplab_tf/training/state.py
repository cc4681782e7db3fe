"""What a step of training changes, and its checkpoints."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

import tensorflow as tf

from deeplab_tf import compat
from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.training.checkpoints import Checkpoints
from deeplab_tf.training.divergence import FiniteCheck
from deeplab_tf.training.loss_scale import LossScale
from deeplab_tf.training.optimizers import (
    build_optimizer,
    exclude_from_decay,
    trained_variables,
)
from deeplab_tf.training.phases import Phase
from deeplab_tf.training.schedules import build_schedule
from deeplab_tf.training.weight_average import WeightAverage
from deeplab_tf.weights.apply import load_into


class TrainingState:
    """Holds network and optimizer, restored from the newest checkpoint if there is one.

    Must be built inside the strategy's scope, as the model.

    Args:
        phase: the part of the run that is trained. Optimizer, learning rate and the average of the
            weights begin anew with it.
        model: the network of the phase's configuration.
        folder: where checkpoints lie.
        log: receives a line that says where the weights come from.

    Attributes:
        model: the network.
        trained: the variables that are trained, with their multipliers.
        schedule: the learning rate as a function of the step.
        optimizer: with all its variables.
        loss_scale: of a network that computes in float16, else None.
        average: of the weights, where `train.ema_decay` is not 0, else None.
        first_step: steps that were done before; 0 for a new run.
        saved: step of the newest checkpoint; 0 for none.
        losses: of the last of them, which no line of the log has counted.
        reorders: how often the order of the images was changed, to go on after a broken step.

    Raises:
        ValueError: a value of the configuration is wrong, or the checkpoint or the first weights
            cannot be used.
    """

    def __init__(
        self,
        phase: Phase,
        model: DeepLab,
        folder: Path,
        log: Callable[[str], None],
    ):
        settings = phase.config.train
        self.model = model
        self.trained = trained_variables(
            model, settings.rate_multipliers, settings.decay_multipliers, settings.layer_decay
        )
        self._phase = phase
        self.schedule = build_schedule(settings, phase.last_step - phase.first_step)
        self.optimizer = build_optimizer(settings.optimizer, settings.optimizer_args, self.schedule)
        exclude_from_decay(self.optimizer, self.trained)
        compat.create_slots(self.optimizer, [entry.variable for entry in self.trained])
        variables = model.variables_by_name()
        self._checkpoints = Checkpoints(
            folder,
            {name: compat.tf_variable(variable) for name, variable in variables.items()},
            self.optimizer,
            settings.keep_checkpoints,
            log,
        )
        self.first_step = self.saved = self._checkpoints.restore(before=phase.first_step)
        weights = phase.config.model.weights
        if self.first_step:
            log(f"going on from the checkpoint of step {self.first_step}")
        else:
            report = load_into(model, weights)
            log(report.summary() if weights == "random" else str(report))
        # As many as there are: a restart must not change what the log averages.
        self._losses = tf.Variable(tf.zeros([0]), trainable=False, shape=[None], name="losses")
        self._reorders = tf.Variable(0, dtype=tf.int64, trainable=False, name="reorders")
        self._checkpoints.add({"losses": self._losses, "reorders": self._reorders})
        self.losses, self.reorders = tf.unstack(self._losses), int(self._reorders.numpy())
        self.loss_scale = LossScale() if settings.precision == "float16" else None
        if self.loss_scale:
            self._checkpoints.add(
                {f"loss_scale_{name}": v for name, v in self.loss_scale.variables.items()}
            )
        self.average = None
        if settings.ema_decay:  # begins with the weights that there are by now
            self.average = WeightAverage(self.trained, settings.ema_decay)
            self._checkpoints.add(
                {"averages": self.average.variables}, is_new=self.first_step == phase.first_step
            )
        self._finite = FiniteCheck(model, self.optimizer)
        self._finite.check_start(self.first_step, weights)

    def averaged(self) -> contextlib.AbstractContextManager[None]:
        """Gives the network the average of its weights inside of a block, if there is one."""
        return self.average.applied() if self.average else contextlib.nullcontext()

    def rate(self, step: int) -> float:
        """Returns the learning rate that a step, counted from 1, was taken with."""
        return float(self.schedule(step - 1 - self._phase.first_step))

    def fault(self, step: int, images: tf.Tensor) -> str | None:
        """Returns why a network is not to be saved; None where all of its numbers are finite.

        Args:
            step: steps that are done.
            images: a training crop or two, RGB [B, H, W, 3], on which the network is tried.
        """
        return None if step == self.saved else self._finite.fault(step, self.saved, images)

    def save(self, step: int, losses: Sequence[tf.Tensor] = (), write: bool = True) -> None:
        """Saves a checkpoint, unless it has been saved.

        Args:
            step: steps that are done.
            losses: of the last steps, which no line of the log has counted.
            write: whether this process is the one that writes.

        Raises:
            OSError: the checkpoint cannot be written.
        """
        if write and step != self.saved:
            self._losses.assign(tf.stack(losses) if losses else tf.zeros([0]))
            self._reorders.assign(self.reorders)
            self._checkpoints.save(step)
        self.saved = step
