"""What scored best and worst, kept while the others pass by."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any


class BestAndWorst:
    """Keeps the examples of the highest and the lowest scores; of equal ones the first.

    Memory is that of 2 * `count` encoded examples, however many are offered.

    Args:
        count: how many of each.

    Example:
        >>> kept = BestAndWorst(count=1)
        >>> for name, score in {"a": 0.5, "b": 0.9, "c": 0.1}.items():
        ...     kept.offer(score, lambda: name)
        >>> kept.best(), kept.worst()
        (['b'], ['c'])
    """

    def __init__(self, count: int):
        self._count, self._offered = count, 0
        self._highest, self._lowest = [], []

    def offer(self, score: float, make: Callable[[], Any]):
        """Takes an example if it belongs to the best or worst so far.

        Args:
            score: of the example.
            make: called without arguments for the example if it is to be kept.
        """
        order = -self._offered
        self._offered += 1
        wanted = [
            (heap, (key, order))
            for heap, key in ((self._highest, score), (self._lowest, -score))
            if len(heap) < self._count or (heap and (key, order) > heap[0][:2])
        ]
        example = make() if wanted else None
        for heap, key in wanted:
            heapq.heappush(heap, (*key, example))
            if len(heap) > self._count:
                heapq.heappop(heap)

    def best(self) -> list:
        """Returns the best, best first; with few examples none is among the worst too."""
        return self._sorted(self._highest, self._offered - len(self.worst()))

    def worst(self) -> list:
        """Returns the worst, worst first."""
        return self._sorted(self._lowest, self._offered // 2)

    @staticmethod
    def _sorted(heap: list, at_most: int) -> list:
        entries = sorted(heap, key=lambda entry: entry[:2], reverse=True)
        return [example for *_, example in entries[:at_most]]
