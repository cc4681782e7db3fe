"""Checks the later phases of a run at its start, so that they cost no finished work."""

from __future__ import annotations

from collections.abc import Sequence

from deeplab_tf.models.build_model import build_model
from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.training.optimizers import build_optimizer, trained_variables
from deeplab_tf.training.phases import Phase
from deeplab_tf.training.run_batches import build_augmentation
from deeplab_tf.training.schedules import build_schedule


def check_later_phases(phases: Sequence[Phase], model: DeepLab) -> None:
    """Builds what later phases need, and compares their networks with the one before.

    Args:
        phases: from `split_phases`, those that come later.
        model: the network that they go on with.

    Raises:
        ValueError: a phase cannot be built, or its network has other variables.
    """
    for phase in phases:
        try:
            _check(phase, model)
        except ValueError as error:
            raise ValueError(
                f"--config.train.phases: the phase from step {phase.first_step}: {error}"
            ) from error


def _check(phase: Phase, before: DeepLab) -> None:
    model, settings = build_model(phase.config, before.spec), phase.config.train
    if others := sorted(dict(_shapes(model).items() ^ _shapes(before).items())):
        raise ValueError(f"the network has other variables: {', '.join(others[:4])}")
    build_augmentation(phase.config, model)
    trained_variables(model, settings.rate_multipliers, settings.decay_multipliers)
    schedule = build_schedule(settings, phase.last_step - phase.first_step)
    build_optimizer(settings.optimizer, settings.optimizer_args, schedule)


def _shapes(model: DeepLab) -> dict[str, tuple]:
    return {name: tuple(v.shape) for name, v in model.variables_by_name().items()}
