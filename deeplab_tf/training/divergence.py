"""Checks that network and optimizer hold finite numbers before they are saved."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from deeplab_tf import compat
from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.models.finite import first_not_finite


class DivergedError(FloatingPointError):
    """The loss of a step or a number of the network is not finite, in every worker."""


class FiniteCheck:
    """Looks for numbers that are not finite in a network and its optimizer.

    It reads every variable once and computes the logits of a crop or two, and is meant to be called
    before the network is saved. The loss does not show it: a step's loss is computed before its
    update.

    Args:
        model: the network.
        optimizer: its variables, such as momentum, are checked too; a restart would use them.
    """

    def __init__(self, model: DeepLab, optimizer: keras.optimizers.Optimizer):
        self._model, self._optimizer = model, optimizer

    def check_start(self, step: int, weights: str) -> None:
        """Checks what a run starts from.

        Args:
            step: step of the checkpoint that was restored; 0 for none.
            weights: `model.weights` of the configuration, where there was none.

        Raises:
            ValueError: a number is not finite; the message names the variable.
        """
        broken = self._first_broken()
        if broken and step:
            raise ValueError(
                f"{broken} is not finite (NaN or infinity) in the checkpoint of step {step}. "
                "Remove that checkpoint to go on from the one before."
            )
        if broken:
            raise ValueError(f"{weights}: {broken} is not finite (NaN or infinity) in the weights.")

    def fault(self, step: int, saved: int, images: tf.Tensor) -> str | None:
        """Returns what is not finite in a network that is to be saved, or None.

        Args:
            step: number of finished steps.
            saved: step of the newest checkpoint; 0 for none.
            images: a crop or two, RGB 0..255 [B, H, W, 3]: logits can be infinite where weights
                are huge but finite.
        """
        broken = self._first_broken()
        if not broken and not np.isfinite(self._model.logit_maps(images)[0]).all():
            broken = "a logit"
        if not broken:
            return None
        start = f"the checkpoint of step {saved}" if saved else "the start"
        return (
            f"{broken} is not finite (NaN or infinity) after step {step}, which is not saved. "
            f"Lower train.learning_rate and run again: it goes on from {start}."
        )

    def _first_broken(self) -> str | None:
        variables = list(self._model.variables_by_name().items())
        for variable in compat.optimizer_variables(self._optimizer):
            variables.append((f"the optimizer's {variable.name}", variable))
        return first_not_finite(variables)
