"""Arguments of augmentation operations: a number, choices ``a|b|c`` or a range ``a..b``."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import NamedTuple

import tensorflow as tf

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


class Values(NamedTuple):
    """What an argument was given: one number, several choices, or the two ends of a range.

    Attributes:
        numbers: the number, the choices or the ends of the range.
        is_range: whether the numbers are the ends of a range.
    """

    numbers: tuple[float, ...]
    is_range: bool = False

    def __str__(self) -> str:
        """Writes the text that `Argument.read` reads."""
        return (".." if self.is_range else "|").join(map(_number_text, self.numbers))

    def draw(
        self, uniform: tf.Tensor, single: tuple[float, float] | None = None
    ) -> tf.Tensor | float:
        """Draws one of the choices, all with equal chance, or a number from the range.

        Args:
            uniform: float64 scalar in [0, 1), which decides.
            single: range that a single number stands for; None if it stands for itself.

        Returns:
            float64 scalar.
        """
        limits = self.numbers if self.is_range else single
        if limits is None or (len(self.numbers) > 1 and not self.is_range):
            place = draw_below(uniform, len(self.numbers))
            return tf.constant(self.numbers, tf.float64)[place]
        low, high = limits
        return low + uniform * (high - low)


@dataclasses.dataclass(frozen=True)
class Argument:
    """What an operation takes in one place between its parentheses.

    Args:
        name: for messages.
        low: smallest value.
        high: largest value.
        above: whether the value must be larger than `low`.
        whole: whether it must be a whole number.
        random: whether choices and ranges are allowed beside a single number.
        optional: whether it may be left out; all after it then have to be optional too.
    """

    name: str
    low: float
    high: float = math.inf
    above: bool = False
    whole: bool = False
    random: bool = False
    optional: bool = False

    @property
    def wanted(self) -> str:
        """What it may be, in words."""
        kind = "a whole number" if self.whole else "a number"
        limits = f"{'above' if self.above else 'from'} {self.low:g}"
        if self.high < math.inf:
            limits += f" {'and at most' if self.above else 'to'} {self.high:.10g}"
        forms = ", choices such as 1|2 or a range such as 1..2" if self.random else ""
        return f"{kind} {limits}{forms}"

    def read(self, text: str) -> Values:
        """Reads the argument.

        Args:
            text: such as ``"0.5"``, ``"0.5|0.75|1"`` or ``"0.5..1.5"``.

        Raises:
            ValueError: it is something else or out of range; the message says what is allowed.
        """
        is_range = ".." in text
        parts = text.split("..", 1) if is_range else text.split("|")
        if all(_NUMBER.fullmatch(part.strip()) for part in parts):
            values = Values(tuple(float(part) for part in parts), is_range)
            if self._allows(values):
                return values
        raise ValueError(f"{self.name} must be {self.wanted}. Received: {text.strip()!r}")

    def _allows(self, values: Values) -> bool:
        numbers = values.numbers
        if len(numbers) > 1 and not self.random:
            return False
        if values.is_range and numbers[0] > numbers[1]:
            return False
        return all(
            self.low <= number <= self.high
            and number < math.inf
            and not (self.above and number == self.low)
            and not (self.whole and number != int(number))
            for number in numbers
        )


def draw_below(uniform: tf.Tensor, count: tf.Tensor | int) -> tf.Tensor:
    """Turns numbers in [0, 1) into whole numbers in 0..count-1, all with equal chance."""
    return tf.cast(uniform * tf.cast(count, tf.float64), tf.int32)


def _number_text(number: float) -> str:
    short = f"{number:g}"
    return short if float(short) == number else repr(number).removesuffix(".0")
