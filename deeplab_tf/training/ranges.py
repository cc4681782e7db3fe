"""Ranges of values for the keys of a configuration, each with its description."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple, TypeGuard

LARGEST_WHOLE = 2**31 - 1  # sides and counts are int32
LARGEST_FLOAT = 3.4e38  # larger ones are infinite in float32


class Range(NamedTuple):
    """A range of values.

    Attributes:
        wanted: description, to follow "must be".
        holds: returns whether a value is in the range; may raise a ValueError with a message that
            replaces the description.
    """

    wanted: str
    holds: Callable[[object], bool]


def whole(lowest: int, highest: int = LARGEST_WHOLE, note: str = "") -> Range:
    """Returns the range of whole numbers between two limits.

    Args:
        lowest: smallest value.
        highest: largest value.
        note: appended to the description.
    """

    def holds(value: object) -> bool:
        return is_number(value, numbers.Integral) and lowest <= value <= highest

    return Range(f"a whole number from {lowest} to {highest}{note}", holds)


def real(lowest: float, above: bool = False) -> Range:
    """Returns the range of numbers from a limit on that are finite in float32.

    Args:
        lowest: the limit.
        above: whether the limit itself is left out.
    """
    limit = f"{'above' if above else 'of at least'} {lowest}"

    def holds(value: object) -> bool:
        return (
            is_number(value, numbers.Real)
            and (lowest < value if above else lowest <= value)
            and value <= LARGEST_FLOAT
        )

    return Range(f"a finite number {limit}", holds)


def one_of(choices: Collection) -> Range:
    """Returns the range of some names or whole numbers.

    Args:
        choices: all values of the range; a table may get rows later.
    """

    def holds(value: object) -> bool:
        # True equals 1, and 8.0 equals 8. A table may have got rows since.
        return not isinstance(value, (bool, float)) and value in tuple(choices)

    return Range(f"one of {', '.join(map(repr, choices))}", holds)


def many(item: Range, wanted: str, least: int = 0) -> Range:
    """Returns the range of sequences whose items are in a range.

    Args:
        item: range of every item.
        wanted: description of the sequence.
        least: smallest number of items.
    """

    def holds(value: object) -> bool:
        return is_sequence(value) and len(value) >= least and all(map(item.holds, value))

    return Range(wanted, holds)


def or_none(item: Range) -> Range:
    """Returns a range that holds None too.

    Args:
        item: the range without it.
    """
    return Range(f"None or {item.wanted}", lambda value: value is None or item.holds(value))


def is_number(value: object, kind: type) -> TypeGuard[float]:
    """Returns whether a value is a number of a class of `numbers`, and not True or False."""
    return isinstance(value, kind) and not isinstance(value, bool)


def is_sequence(value: object) -> TypeGuard[Sequence]:
    """Returns whether a value is a tuple or list, and not a text."""
    return isinstance(value, Sequence) and not isinstance(value, str)
