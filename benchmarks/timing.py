"""How long a call takes."""

from __future__ import annotations

import time
from collections.abc import Callable


def seconds_of(call: Callable[[], object]) -> float:
    """Calls a function and returns the seconds that it took."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
