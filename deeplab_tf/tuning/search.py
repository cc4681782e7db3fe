"""Searches the appearance kernel's parameters from coarse to fine, as the papers do."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np


class Candidate(NamedTuple):
    """Values to try, see `CrfParameters`.

    Attributes:
        bilateral_weight: w1.
        bilateral_sigma_xy: sigma alpha in pixels.
        bilateral_sigma_rgb: sigma beta in steps of 0..255.
    """

    bilateral_weight: float
    bilateral_sigma_xy: float
    bilateral_sigma_rgb: float


@dataclasses.dataclass(frozen=True)
class Range:
    """Values from the first to the last in equal steps."""

    first: float
    last: float
    step: float

    def values(self, count: int) -> list[float]:
        """Returns `count` of the values, spread evenly, both ends among them if more than one."""
        every = np.arange(self.first, self.last + self.step / 2, self.step)
        return every[np.linspace(0, len(every) - 1, count).round().astype(int)].tolist()

    @property
    def count(self) -> int:  # type: ignore[override]  # tuple.count
        """How many values there are."""
        return 1 + round((self.last - self.first) / self.step)


# Source: Chen et al. 2015, section 4.2 (v1); 2016, section 4.1.1 (v2).
GRIDS = {
    "v1": (Range(5, 10, 5), Range(50, 100, 10), Range(3, 10, 1)),
    "v2": (Range(3, 6, 1), Range(30, 100, 10), Range(3, 6, 1)),
}
# Steps around the best candidate become no smaller than this share of the grid's.
_FINEST = 1 / 8


def coarse_candidates(grid: Sequence[Range], limit: int) -> list[Candidate]:
    """Returns the whole grid, or at most `limit` candidates spread over it.

    Every range keeps as large a share of its values as possible; then as many candidates as
    possible are made, with many w1 before others, as these share work, see `CandidateEvaluator`.

    Example:
        >>> coarse = coarse_candidates(GRIDS["v2"], 32)
        >>> [sorted(set(values)) for values in zip(*coarse)]
        [[3.0, 4.0, 5.0, 6.0], [30.0, 50.0, 80.0, 100.0], [3.0, 6.0]]
    """
    full = [axis.count for axis in grid]
    possible = itertools.product(*(range(1, count + 1) for count in full))
    counts = max(
        (counts for counts in possible if math.prod(counts) <= max(limit, 1)),
        key=lambda counts: (min(np.divide(counts, full)), math.prod(counts), counts),
    )
    w1, xy, rgb = (axis.values(count) for axis, count in zip(grid, counts, strict=True))
    return [Candidate(w, x, r) for x in xy for r in rgb for w in w1]


def neighbours(center: Candidate, steps: Sequence[float]) -> list[Candidate]:
    """Returns the candidates a step away in one of the values, those above 0."""
    moved = [
        center._replace(**{name: value + sign * step})
        for name, value, step in zip(center._fields, center, steps, strict=True)
        for sign in (-1, 1)
    ]
    return [candidate for candidate in moved if min(candidate) > 0]


def coarse_to_fine(
    evaluate: Callable[[list[Candidate]], Sequence[float]],
    start: Candidate,
    grid: Sequence[Range] = GRIDS["v2"],
    budget: int = 64,
) -> dict[Candidate, float]:
    """Searches the candidate of the highest mIoU.

    First the start and, with up to half of the budget, the grid. Then, as long as the budget
    lasts, the neighbours of the best candidate at the grid's own steps, which may lead out of the
    grid; where none is better, the steps are halved, three times at most.

    Args:
        evaluate: returns the mIoU, or what else is to be high, of candidates.
        start: is tried first, so that nothing worse is found.
        grid: ranges of w1, sigma alpha and sigma beta.
        budget: how many candidates are evaluated at most.

    Returns:
        The mIoU by candidate, in the order of the search.

    Raises:
        ValueError: the budget is below 1.

    Source: Chen et al. 2015, section 4.2, which refines "the search step around the first round's
    best values" without saying how.

    Example:
        >>> def evaluate(candidates):
        ...     return [-abs(candidate.bilateral_sigma_xy - 73) for candidate in candidates]
        >>> best_of(coarse_to_fine(evaluate, Candidate(4, 67, 3))).bilateral_sigma_xy
        73.25
    """
    if budget < 1:
        raise ValueError(f"The search needs at least one candidate. Received: {budget}.")
    mious: dict[Candidate, float] = {}

    def try_new(candidates: Iterable[Candidate]) -> None:
        new = [c for c in dict.fromkeys(candidates) if c not in mious]
        new = new[: budget - len(mious)]
        mious.update(zip(new, evaluate(new), strict=True))

    try_new([start, *coarse_candidates(grid, budget // 2)])
    steps, share = [axis.step for axis in grid], 1.0
    while len(mious) < budget and share >= _FINEST:
        best = best_of(mious)
        try_new(neighbours(best, [step * share for step in steps]))
        if best_of(mious) == best:
            share /= 2
    return mious


def best_of(mious: dict[Candidate, float]) -> Candidate:
    """Returns the candidate of the highest mIoU, of equal ones the first."""
    return max(mious, key=mious.__getitem__)
