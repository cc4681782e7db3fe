"""Keeps the examples of the highest and lowest scores of a stream."""

from __future__ import annotations

import bisect
from collections.abc import Callable
from typing import Any


class BestAndWorst:
    """Keeps the examples of the highest and the lowest scores; of equal ones the first.

    Memory is that of 2 * `count` examples, however many are offered.

    Args:
        count: how many to keep of each.

    Example:
        >>> kept = BestAndWorst(count=1)
        >>> for name, score in {"a": 0.5, "b": 0.9, "c": 0.1}.items():
        ...     kept.offer(score, lambda: name)
        >>> kept.best(), kept.worst()
        (['b'], ['c'])
    """

    def __init__(self, count: int) -> None:
        self._count, self._offered = count, 0
        self._best: list[tuple[float, int, Any]] = []
        self._worst: list[tuple[float, int, Any]] = []

    def offer(self, score: float, make: Callable[[], Any]) -> None:
        """Keeps an example if it is among the best or worst so far.

        Args:
            score: of the example; higher is better.
            make: builds the example; called only if it is kept.
        """
        self._offered += 1
        kept = ((self._best, -score), (self._worst, score))
        wanted = [
            (entries, key)
            for entries, key in kept
            if len(entries) < self._count or (entries and key < entries[-1][0])
        ]
        example = make() if wanted else None
        for entries, key in wanted:  # the number decides between equals, never the example
            bisect.insort(entries, (key, self._offered, example))
            del entries[self._count :]

    def best(self) -> list:
        """Returns the best, best first; with few examples none of them is among the worst."""
        return [example for *_, example in self._best[: self._offered - len(self.worst())]]

    def worst(self) -> list:
        """Returns the worst, worst first."""
        return [example for *_, example in self._worst[: self._offered // 2]]
