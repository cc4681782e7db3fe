"""Ends a run at the end of a step when a signal asks for it: SIGTERM, or Ctrl-C (SIGINT)."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class RunInterruptedError(Exception):
    """A signal ended a run, whose last checkpoint is that of its last step.

    Args:
        number: of the signal.
        step: steps that are done.
        steps: steps of the whole run.
    """

    def __init__(self, number: int, step: int, steps: int):
        self.number = number
        super().__init__(
            f"stopped by {signal.Signals(number).name} after step {step} of {steps}; the same "
            "command goes on from there"
        )


class _WorkInterrupted(BaseException):
    """Leaves a function; not an `Exception`, which that function may handle."""


class Interruption:
    """Knows whether a signal has come.

    Attributes:
        number: that of the first signal, 0 before.
    """

    def __init__(self) -> None:
        self.number = 0
        self._leaves_at_once = False

    def try_to(self, work: Callable, *arguments: Any) -> Any:
        """Calls a function that a signal leaves at once, for work that can be done again.

        Returns:
            What it returned; None where a signal has come before, or comes meanwhile.
        """
        try:
            self._leaves_at_once = True
            return None if self.number else work(*arguments)
        except _WorkInterrupted:
            return None
        finally:
            self._leaves_at_once = False

    def _receive(self, number: int, _: Any) -> None:
        for each in SIGNALS:  # a second one ends the process
            signal.signal(each, signal.SIG_DFL)
        self.number = number
        if self._leaves_at_once:
            raise _WorkInterrupted


@contextlib.contextmanager
def noting_signals() -> Iterator[Interruption]:
    """Notes a signal in place of ending the process; a second one ends it.

    Outside of the main thread, where Python allows no handlers, signals do what they did before.
    """
    interruption = Interruption()
    is_main = threading.current_thread() is threading.main_thread()
    before = {number: signal.signal(number, interruption._receive) for number in SIGNALS if is_main}
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
