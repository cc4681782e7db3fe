"""Keeps the model of the best evaluation of a run, and ends a run that gets no better."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path

from deeplab_tf.data.files import make_folder, whole_file
from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.models.in_precision import in_precision
from deeplab_tf.models.loading import load_model

# Numbers of an evaluation of which more is better; the empty name is of runs that keep the last.
MONITORED = ("", "miou", "pixel_accuracy", "mean_accuracy", "frequency_weighted_iou")
_BEST = re.compile(r"best-(\d+)\.keras")


class BestModel:
    """Keeps `best-STEP.keras`, the network of the best evaluation so far.

    Args:
        folder: where it lies, with the checkpoints of the run.
        monitor: row of `MONITORED`; of the empty name nothing is kept and no run ends early.
        patience: evaluations in a row that may be no better before a run ends; 0 ends none.
        values: the monitored numbers of evaluations before, by step.
        log: receives lines for people.
    """

    def __init__(
        self,
        folder: Path,
        monitor: str,
        patience: int,
        values: dict[int, float | None],
        log: Callable[[str], None],
    ):
        self.monitor = monitor
        self._folder, self._patience, self._log = folder, patience, log
        self._values = {step: _number(value) for step, value in values.items()}
        # Of a run that was killed: what it did after its last checkpoint, it will do again.
        self._delete_all_but(self._best_step())
        if not self._file(self._best_step()).exists():
            self._values = {}  # evaluated before anything was monitored

    def update(self, step: int, results: dict, model: DeepLab) -> None:
        """Takes the results of an evaluation.

        Args:
            step: steps that are done.
            results: of the evaluation, with the monitored number.
            model: the network that was evaluated.

        Raises:
            ValueError: the number is not among the results.
            OSError: the network cannot be saved.
        """
        if not self.monitor:
            return
        if self.monitor not in results:
            raise ValueError(
                f"The evaluation has no {self.monitor!r} to monitor, only {sorted(results)}. "
                "Change train.monitor."
            )
        self._values[step] = _number(results[self.monitor])
        if step == self._best_step():
            make_folder(self._folder)
            with whole_file(self._file(step), ending=".partial.keras") as temporary:
                in_precision(model, "float32").save(temporary)
            self._delete_all_but(step)
        elif self.is_exhausted:
            best = self._best_step()
            self._log(
                f"{self.monitor} has not been better than {self._values[best]:.4f} of step {best} "
                f"in {self._patience} evaluations: the run ends at step {step}"
            )

    @property
    def is_exhausted(self) -> bool:
        """Whether `patience` evaluations in a row were no better than one before them."""
        later = [step for step in self._values if step > self._best_step()]
        return 0 < self._patience <= len(later)

    def restore(self, model: DeepLab, since: int = 0) -> DeepLab:
        """Returns the network of the best evaluation: the one that is given, with its weights.

        Args:
            model: the network that is trained; returned as it is where none has been kept.
            since: step from which on it is this one. A best one of before, of another phase of the
                run, may compute otherwise with the same weights, and is returned itself.
        """
        step = self._best_step()
        if not self._file(step).exists():
            return model
        self._log(f"the model is that of step {step}: {self.monitor} {self._values[step]:.4f}")
        best = load_model(self._file(step))
        if step <= since:
            return best
        weights = best.variables_by_name()
        for name, variable in model.variables_by_name().items():
            variable.assign(weights[name])
        return model

    def _best_step(self) -> int:
        """Returns the step of the first of the best evaluations; 0 before there is one."""
        return max(self._values, key=lambda step: (self._values[step], -step), default=0)

    def _file(self, step: int) -> Path:
        return self._folder / f"best-{step}.keras"

    def _delete_all_but(self, step: int) -> None:
        for path in self._folder.glob("best-*.keras"):
            if (match := _BEST.fullmatch(path.name)) and int(match[1]) != step:
                path.unlink()


def _number(value: float | None) -> float:
    """Where no pixel has a label there is no number, and so nothing that is better."""
    return -math.inf if value is None or not math.isfinite(value) else value
