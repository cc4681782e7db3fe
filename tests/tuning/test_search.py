import itertools

import pytest

from deeplab_tf.tuning.search import (
    GRIDS,
    Candidate,
    Range,
    best_of,
    coarse_candidates,
    coarse_to_fine,
    neighbours,
)

START = Candidate(4.0, 67.0, 3.0)


def hill(top):
    """Values by the distance from a candidate; larger w1 want a smaller sigma beta."""

    def evaluate(candidates):
        mious = []
        for candidate in candidates:
            w1, xy, rgb = (value - best for value, best in zip(candidate, top, strict=True))
            mious.append(-(w1**2) - (xy / 10) ** 2 - rgb**2 - 0.5 * w1 * rgb)
        return mious

    return evaluate


def test_grids_are_those_of_the_papers():
    v1 = itertools.product((5, 10), range(50, 101, 10), range(3, 11))
    v2 = itertools.product((3, 4, 5, 6), range(30, 101, 10), (3, 4, 5, 6))
    assert sorted(coarse_candidates(GRIDS["v1"], 96)) == sorted(v1)
    assert sorted(coarse_candidates(GRIDS["v2"], 128)) == sorted(v2)


@pytest.mark.parametrize("limit", [1, 2, 5, 32, 50, 127])
def test_a_part_of_the_grid_is_spread_over_it(limit):
    coarse = coarse_candidates(GRIDS["v2"], limit)
    assert 0.8 * limit <= len(coarse) == len(set(coarse)) <= limit
    assert set(coarse) <= set(coarse_candidates(GRIDS["v2"], 128))
    if limit >= 32:
        ends = [{min(values), max(values)} for values in zip(*coarse, strict=True)]
        assert ends == [{3, 6}, {30, 100}, {3, 6}]


def test_neighbours_differ_in_one_value_and_stay_positive():
    found = neighbours(Candidate(1.0, 40.0, 3.0), (1, 10, 1))
    assert set(found) == {(2, 40, 3), (1, 30, 3), (1, 50, 3), (1, 40, 2), (1, 40, 4)}


@pytest.mark.parametrize(
    "top", [(4.5, 72.5, 4.0), (5.0, 121.0, 5.0), (3.25, 50.0, 8.0), (1.5, 20.0, 2.0)]
)
def test_finds_a_planted_optimum_inside_and_outside_the_grid(top):
    mious = coarse_to_fine(hill(top), START, budget=100)
    for value, best, step in zip(best_of(mious), top, (1, 10, 1), strict=True):
        assert abs(value - best) <= step / 4


def test_fine_candidates_lie_around_the_best_so_far():
    asked = []

    def evaluate(candidates):
        asked.append(list(candidates))
        return hill((4.3, 74, 4.2))(candidates)

    mious = coarse_to_fine(evaluate, START, budget=64)
    assert asked[0] == [START, *coarse_candidates(GRIDS["v2"], 32)]
    seen = dict(zip(asked[0], list(mious.values())[: len(asked[0])], strict=True))
    share = 1.0
    for fine in asked[1:]:
        best = best_of(seen)
        around = neighbours(best, [axis.step * share for axis in GRIDS["v2"]])
        assert fine == [c for c in around if c not in seen][: 64 - len(seen)]
        seen.update((c, mious[c]) for c in fine)
        if best_of(seen) == best:
            share /= 2
    assert share < 1 and seen == mious


@pytest.mark.parametrize("budget", [1, 2, 7, 30, 64])
def test_the_budget_is_kept_and_the_same_search_is_the_same(budget):
    asked = []

    def evaluate(candidates):
        asked.extend(candidates)
        return hill((4.3, 74, 4.2))(candidates)

    mious = coarse_to_fine(evaluate, START, budget=budget)
    assert len(asked) == len(set(asked)) == len(mious) == budget
    assert list(mious) == asked and asked[0] == START
    assert list(coarse_to_fine(evaluate, START, budget=budget).items()) == list(mious.items())


def test_a_plateau_ends_the_search_at_the_finest_steps_with_the_start():
    mious = coarse_to_fine(lambda candidates: [0.5] * len(candidates), START, budget=1000)
    assert best_of(mious) == START
    assert len(mious) == 1 + 128 + 4 * 6
    assert Candidate(4.125, 67.0, 3.0) in mious


def test_a_search_of_nothing_is_refused():
    with pytest.raises(ValueError, match=r"at least one candidate.*Received: 0"):
        coarse_to_fine(hill(START), START, budget=0)


def test_a_range_of_one_value():
    assert Range(3, 3, 1).count == 1
    assert Range(3, 3, 1).values(1) == [3]
