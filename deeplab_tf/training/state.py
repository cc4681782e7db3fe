"""What a step of training changes, and its checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import ml_collections
import tensorflow as tf

from deeplab_tf import compat
from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.training.checkpoints import Checkpoints
from deeplab_tf.training.divergence import FiniteCheck
from deeplab_tf.training.loss_scale import LossScale
from deeplab_tf.training.optimizers import build_optimizer, trained_variables
from deeplab_tf.training.schedules import build_schedule
from deeplab_tf.weights.apply import load_into


class TrainingState:
    """Holds network and optimizer, restored from the newest checkpoint if there is one.

    Must be built inside the strategy's scope, as the model.

    Args:
        config: from `base_config`.
        model: the network of that configuration.
        folder: where checkpoints lie.
        log: receives a line that says where the weights come from.

    Attributes:
        model: the network.
        trained: the variables that are trained, with their multipliers.
        schedule: the learning rate as a function of the step.
        optimizer: with all its variables.
        loss_scale: of a network that computes in float16, else None.
        first_step: steps that were done before; 0 for a new run.

    Raises:
        ValueError: a value of the configuration is wrong, or the checkpoint or the first weights
            cannot be used.
    """

    def __init__(
        self,
        config: ml_collections.ConfigDict,
        model: DeepLab,
        folder: Path,
        log: Callable[[str], None],
    ):
        settings = config.train
        self.model = model
        self.trained = trained_variables(
            model, settings.rate_multipliers, settings.decay_multipliers
        )
        self.schedule = build_schedule(settings)
        self.optimizer = build_optimizer(settings.optimizer, settings.optimizer_args, self.schedule)
        compat.create_slots(self.optimizer, [entry.variable for entry in self.trained])
        self.loss_scale = LossScale() if settings.precision == "float16" else None
        variables = model.variables_by_name()
        self._checkpoints = Checkpoints(
            folder,
            {name: compat.tf_variable(variable) for name, variable in variables.items()},
            self.optimizer,
            settings.keep_checkpoints,
            log,
            self.loss_scale.variables if self.loss_scale else {},
        )
        self.first_step = self._checkpoints.restore()
        if self.first_step:
            log(f"going on from the checkpoint of step {self.first_step}")
        else:
            report = load_into(model, config.model.weights)
            log(report.summary() if config.model.weights == "random" else str(report))
        self._finite = FiniteCheck(model, self.optimizer)
        self._finite.check_start(self.first_step, config.model.weights)
        self._saved = self.first_step

    def save(self, step: int, images: tf.Tensor, write: bool = True) -> None:
        """Saves a checkpoint, of a network whose numbers are finite only, unless it has been saved.

        Args:
            step: steps that are done.
            images: a training crop or two, RGB [B, H, W, 3], on which the network is tried.
            write: whether this process is the one that writes; the others only check.

        Raises:
            FloatingPointError: a number is not finite.
            OSError: the checkpoint cannot be written.
        """
        if step == self._saved:
            return
        self._finite.check_step(step, self._saved, images)
        if write:
            self._checkpoints.save(step)
        self._saved = step
