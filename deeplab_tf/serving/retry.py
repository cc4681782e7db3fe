"""Retries requests that may succeed later, until a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn, TypeVar

from deeplab_tf.serving.responses import UnavailableError

if TYPE_CHECKING:  # of the extra `serving`
    import tenacity

FIRST_PAUSE = 0.2  # seconds
MAX_PAUSE = 10.0
MIN_TIMEOUT = 0.001

Result = TypeVar("Result")


class RetryableError(Exception):
    """Raised by an attempt that may succeed when it is made again later."""


# gRPC's own retry policy (a service config) is not used: it makes at most five attempts, gives up
# on requests of more than 256 kB unless their buffer is enlarged, sends a message that is too large
# again, since its status is that of a busy server, and reports a deadline that ends during a pause
# as DEADLINE_EXCEEDED, although the server is away.
def with_retries(attempt: Callable[[float], Result], retries: int, deadline: float) -> Result:
    """Calls a function until it succeeds.

    Pauses double from 0.2 s to 10 s. A random part of up to a half is taken off each, so that
    clients that failed together do not return together.

    Args:
        attempt: takes the number of seconds left; raises RetryableError.
        retries: number of further attempts after the first one.
        deadline: seconds for all attempts and pauses together.

    Returns:
        What the function returns.

    Raises:
        UnavailableError: no attempt has succeeded.

    Example:
        >>> with_retries(lambda seconds: seconds <= 5, retries=3, deadline=5)
        True
    """
    import tenacity

    end = time.monotonic() + deadline
    half = {"multiplier": FIRST_PAUSE / 2, "max": MAX_PAUSE / 2}
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(RetryableError),
        wait=tenacity.wait_exponential(**half) + tenacity.wait_random_exponential(**half),
        stop=tenacity.stop_after_attempt(retries + 1) | tenacity.stop_before_delay(deadline),
        retry_error_callback=_give_up,
    )
    return retrying(lambda: attempt(max(end - time.monotonic(), MIN_TIMEOUT)))


def _give_up(state: tenacity.RetryCallState) -> NoReturn:
    assert state.outcome is not None
    error, count = state.outcome.exception(), state.attempt_number
    times = "once" if count == 1 else f"{count} times"
    raise UnavailableError(f"{error} (tried {times})") from error
