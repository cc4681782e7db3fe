"""Keeps a network that is broken out of checkpoints and files."""

from __future__ import annotations

import numpy as np

from deeplab_tf import compat
from deeplab_tf.models.finite import first_not_finite


class FiniteCheck:
    """Looks for a number that is not finite in a network and its optimizer.

    It reads every variable once and logits a crop or two, and is meant for where the network is
    about to be written. The loss cannot tell: that of a step is computed before its update.

    Args:
        model: a DeepLab.
        optimizer: its own variables, such as momentum, count too; a restart would go on from them.
    """

    def __init__(self, model, optimizer):
        self._model, self._optimizer = model, optimizer

    def check_start(self, step: int, weights: str):
        """Refuses what a run would go on from.

        Args:
            step: of the checkpoint that was restored; 0 for none.
            weights: where the first weights came from if there was none.

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

    def check_step(self, step: int, saved: int, images):
        """Refuses to have a network saved.

        Args:
            step: steps that it was trained.
            saved: step of the newest checkpoint; 0 for none.
            images: RGB [B, H, W, 3], few: huge weights are finite while their logits are not.

        Raises:
            FloatingPointError: a number is not finite; the message names the variable.
        """
        broken = self._first_broken()
        if not broken and not np.isfinite(self._model.logit_maps(images)[0]).all():
            broken = "a logit"
        if broken:
            start = f"the checkpoint of step {saved}" if saved else "the start"
            raise FloatingPointError(
                f"{broken} is not finite (NaN or infinity) after step {step}, which is not saved. "
                f"Lower train.learning_rate and run again: it goes on from {start}."
            )

    def _first_broken(self) -> str | None:
        variables = list(self._model.variables_by_name().items())
        for variable in compat.optimizer_variables(self._optimizer):
            variables.append((f"the optimizer's {variable.name}", variable))
        return first_not_finite(variables)
