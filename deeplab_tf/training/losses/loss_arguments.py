"""What losses check of their arguments."""

from __future__ import annotations

import numbers
from typing import Any

from deeplab_tf.training.ranges import LARGEST_FLOAT, is_number


def require_number(
    name: str,
    value: Any,
    lowest: float | None = None,
    above: float | None = None,
    highest: float | None = None,
    below: float | None = None,
) -> None:
    """Checks that an argument is a finite number between limits.

    Args:
        name: of the argument.
        value: what was received.
        lowest: smallest value that is right.
        above: largest value below all that are right.
        highest: largest value that is right.
        below: smallest value above all that are right.

    Raises:
        ValueError: it is something else.
    """
    right = is_number(value, numbers.Real) and -LARGEST_FLOAT <= value <= LARGEST_FLOAT
    right = right and (lowest is None or value >= lowest) and (above is None or value > above)
    right = right and (highest is None or value <= highest) and (below is None or value < below)
    if not right:
        limits = {"of at least": lowest, "above": above, "of at most": highest, "below": below}
        words = " and ".join(f"{word} {n}" for word, n in limits.items() if n is not None)
        raise ValueError(f"{name} must be a finite number {words}. Received: {name}={value!r}")
