"""What a step of training changes, and its checkpoints."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
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
from deeplab_tf.training.weight_average import WeightAverage
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
        average: of the weights, where `train.ema_decay` is not 0, else None.
        first_step: steps that were done before; 0 for a new run.
        losses: of the last of them, which no line of the log has counted.

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
        variables = model.variables_by_name()
        self._checkpoints = Checkpoints(
            folder,
            {name: compat.tf_variable(variable) for name, variable in variables.items()},
            self.optimizer,
            settings.keep_checkpoints,
            log,
        )
        self.first_step = self._checkpoints.restore()
        if self.first_step:
            log(f"going on from the checkpoint of step {self.first_step}")
        else:
            report = load_into(model, config.model.weights)
            log(report.summary() if config.model.weights == "random" else str(report))
        # As many as there are: a restart must not change what the log averages.
        self._losses = tf.Variable(tf.zeros([0]), trainable=False, shape=[None], name="losses")
        self._checkpoints.add({"losses": self._losses})
        self.losses = tf.unstack(self._losses)
        self.loss_scale = LossScale() if settings.precision == "float16" else None
        if self.loss_scale:
            self._checkpoints.add(
                {f"loss_scale_{name}": v for name, v in self.loss_scale.variables.items()}
            )
        self.average = None
        if settings.ema_decay:  # begins with the weights that there are by now
            self.average = WeightAverage(self.trained, settings.ema_decay)
            self._checkpoints.add({"averages": self.average.variables})
        self._finite = FiniteCheck(model, self.optimizer)
        self._finite.check_start(self.first_step, config.model.weights)
        self._saved = self.first_step

    def averaged(self) -> contextlib.AbstractContextManager[None]:
        """Gives the network the average of its weights inside of a block, if there is one."""
        return self.average.applied() if self.average else contextlib.nullcontext()

    def save(
        self, step: int, images: tf.Tensor, losses: Sequence[tf.Tensor] = (), write: bool = True
    ) -> None:
        """Saves a checkpoint, of a network whose numbers are finite only, unless it has been saved.

        Args:
            step: steps that are done.
            images: a training crop or two, RGB [B, H, W, 3], on which the network is tried.
            losses: of the last steps, which no line of the log has counted.
            write: whether this process is the one that writes; the others only check.

        Raises:
            FloatingPointError: a number is not finite.
            OSError: the checkpoint cannot be written.
        """
        if step == self._saved:
            return
        self._finite.check_step(step, self._saved, images)
        if write:
            self._losses.assign(tf.stack(losses) if losses else tf.zeros([0]))
            self._checkpoints.save(step)
        self._saved = step
