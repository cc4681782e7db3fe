"""Tries again what may go better later, until a deadline."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable
from typing import TypeVar

from deeplab_tf.serving.responses import UnavailableError

FIRST_PAUSE = 0.2  # seconds
LONGEST_PAUSE = 10.0

Result = TypeVar("Result")


class TryAgainError(Exception):
    """Raised by an attempt that may go better later."""


def with_retries(
    attempt: Callable[[float], Result],
    retries: int,
    deadline: float,
    sleep: Callable[[float], None] = time.sleep,
) -> Result:
    """Calls a function until it succeeds.

    Pauses double, and a random part of up to a half is taken off, so that clients that failed
    together do not come back together.

    Args:
        attempt: takes the seconds that are left; raises TryAgainError.
        retries: how often it is tried again at most.
        deadline: seconds for all attempts and pauses together.
        sleep: waits so many seconds.

    Raises:
        UnavailableError: no attempt has succeeded.

    Example:
        >>> with_retries(lambda seconds: seconds <= 5, retries=3, deadline=5)
        True
    """
    end = time.monotonic() + deadline
    for failures in itertools.count(1):
        try:
            return attempt(max(end - time.monotonic(), 0.001))
        except TryAgainError as error:
            pause = min(FIRST_PAUSE * 2 ** (failures - 1), LONGEST_PAUSE) * random.uniform(0.5, 1)
            if failures > retries or time.monotonic() + pause >= end:
                times = "once" if failures == 1 else f"{failures} times"
                raise UnavailableError(f"{error} (tried {times})") from error
            sleep(pause)
    raise AssertionError
