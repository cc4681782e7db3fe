"""Kinds of values that a key of a configuration may have, each with its words."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

LARGEST_WHOLE = 2**31 - 1  # sides and counts are int32
LARGEST_FLOAT = 3.4e38  # larger ones are infinite in float32


class Range(NamedTuple):
    """What a key may be.

    Attributes:
        wanted: in words, behind "must be".
        holds: whether a value is that; or a ValueError that says more than `wanted`.
    """

    wanted: str
    holds: Callable[[object], bool]


def whole(lowest: int, highest: int = LARGEST_WHOLE, note: str = "") -> Range:
    """A whole number between two, both included; the note follows in words."""

    def holds(value) -> bool:
        return is_number(value, numbers.Integral) and lowest <= value <= highest

    return Range(f"a whole number from {lowest} to {highest}{note}", holds)


def real(lowest: float, above: bool = False) -> Range:
    """A number that is finite in float32 and at least `lowest`, or above it."""
    limit = f"{'above' if above else 'of at least'} {lowest}"

    def holds(value) -> bool:
        return (
            is_number(value, numbers.Real)
            and (lowest < value if above else lowest <= value)
            and value <= LARGEST_FLOAT
        )

    return Range(f"a finite number {limit}", holds)


def one_of(choices: Collection) -> Range:
    """One of some names or whole numbers."""

    def holds(value) -> bool:
        # True equals 1, and 8.0 equals 8. A table may have got rows since.
        return not isinstance(value, (bool, float)) and value in tuple(choices)

    return Range(f"one of {', '.join(map(repr, choices))}", holds)


def many(item: Range, wanted: str, least: int = 0) -> Range:
    """A sequence of `least` items or more, in words of its own."""

    def holds(value) -> bool:
        return is_sequence(value) and len(value) >= least and all(map(item.holds, value))

    return Range(wanted, holds)


def is_number(value, kind) -> bool:
    """Whether a value is a number of a kind of `numbers`, and not True or False."""
    return isinstance(value, kind) and not isinstance(value, bool)


def is_sequence(value) -> bool:
    """Whether a value is a tuple or list, and not a text."""
    return isinstance(value, Sequence) and not isinstance(value, str)
