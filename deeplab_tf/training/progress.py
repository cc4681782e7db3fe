"""The loss and the speed between two lines of the log, and the time left."""

from __future__ import annotations

import contextlib
import datetime
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from deeplab_tf.training.divergence import DivergedError


class Progress:
    """Collects the losses of steps and measures how fast they come.

    Args:
        first_step: steps that were done before.
        steps: steps of the whole run.
        images_per_step: images of one update.
        losses: of steps before the first that no report has counted.
        names_of: from a step to the names of its images, for the message about a broken loss.

    Attributes:
        losses: of the steps since the last report.
    """

    def __init__(
        self,
        first_step: int,
        steps: int,
        images_per_step: int,
        losses: Iterable[tf.Tensor] = (),
        names_of: Callable[[int], Sequence[str]] = lambda step: (),
    ):
        self._names_of = names_of
        self._steps = steps
        self._images_per_step = images_per_step
        self.losses = list(losses)
        self._largest_logits: list[tf.Tensor] = []  # of the last of these steps
        self._begin = self._logged = (time.monotonic(), first_step)
        self._warm: tuple[float, int] | None = None

    def add(self, results: dict[str, tf.Tensor]) -> None:
        """Takes what the training step returned; waits for nothing."""
        self.losses.append(results["loss"])
        self._largest_logits.append(results["largest_logit"])

    @contextlib.contextmanager
    def pause(self) -> Iterator[None]:
        """Leaves what happens inside out of the speed."""
        start = time.monotonic()
        yield
        seconds = time.monotonic() - start
        for name in ("_begin", "_logged", "_warm"):
            mark = getattr(self, name)
            if mark:
                setattr(self, name, (mark[0] + seconds, mark[1]))

    def check(self, step: int) -> float:
        """Returns the mean loss since the last report.

        Args:
            step: the step just done.

        Raises:
            DivergedError: it is not finite.
        """
        if not self.losses:
            return 0.0
        losses = tf.stack(self.losses).numpy()
        broken = np.flatnonzero(~np.isfinite(losses))
        if broken.size:
            place = int(broken[0])
            raise DivergedError(
                self._describe(step - len(losses) + 1 + place, place, losses[place])
            )
        return float(losses.mean())

    def _describe(self, step: int, place: int, loss: float) -> str:
        names = self._names_of(step)
        images = f", whose images are {', '.join(names)}" if names else ""
        # None is known of steps before a restart.
        logits = [None] * (len(self.losses) - len(self._largest_logits)) + self._largest_logits
        shown = [
            f"{float(logit):.3g} in step {number}"
            for number, logit in ((step - 1, logits[place - 1] if place else None),
                                  (step, logits[place]))
            if logit is not None
        ]  # fmt: skip
        largest = f" The largest logits: {', '.join(shown)}." if shown else ""
        return (
            f"The loss became {loss} in step {step}{images}.{largest} "
            "Lower train.learning_rate, or look for broken labels."
        )

    def report(self, step: int, **values: float) -> dict[str, float]:
        """Returns the mean loss and the images per second since the last report.

        Args:
            step: the step just done.
            **values: other numbers that belong to the line.

        Raises:
            DivergedError: the loss is not finite.
        """
        loss = self.check(step)
        self.losses.clear()
        self._largest_logits.clear()
        now = time.monotonic()
        seconds = max(now - self._logged[0], 1e-9)
        speed = (step - self._logged[1]) * self._images_per_step / seconds
        self._logged = (now, step)
        # The first interval also traces and compiles the step: the time left ignores it.
        self._warm = self._warm or self._logged
        return {"loss": loss, **values, "images_per_second": speed}

    def line(self, step: int, values: dict[str, float]) -> str:
        """Formats a report as one line with the time left.

        Args:
            step: the step just done.
            values: from `report`, with `learning_rate`.
        """
        begin = self._warm if self._warm and self._warm[1] < step else self._begin
        per_step = (self._logged[0] - begin[0]) / max(step - begin[1], 1)
        left = datetime.timedelta(seconds=round(per_step * (self._steps - step)))
        return (
            f"step {step}/{self._steps}  loss {values['loss']:.4f}  "
            f"rate {values['learning_rate']:.2e}  "
            f"{values['images_per_second']:.2f} images/s  {left} left"
        )
