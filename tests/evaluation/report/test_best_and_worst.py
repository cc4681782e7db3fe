import gc
import weakref

import numpy as np
import pytest

from deeplab_tf.evaluation.report.best_and_worst import BestAndWorst


class Made:
    """An example that can be seen to be gone."""

    def __init__(self, index):
        self.index = index


@pytest.mark.parametrize("count", [0, 4])
@pytest.mark.parametrize("offered", [0, 1, 2, 5, 7, 8, 100])
def test_best_and_worst_equal_a_sort(offered, count):
    scores = np.random.default_rng(offered).integers(0, 20, offered) / 20  # with many equals
    kept = BestAndWorst(count)
    for index, score in enumerate(scores):
        kept.offer(score, lambda index=index: index)
    ascending = np.argsort(scores, kind="stable").tolist()
    descending = np.argsort(-scores, kind="stable").tolist()
    assert kept.worst() == ascending[: min(count, offered // 2)]
    assert kept.best() == descending[: min(count, offered - offered // 2)]


def test_memory_is_that_of_the_kept_examples():
    kept, made = BestAndWorst(count=3), []

    def make(index):
        example = Made(index)
        made.append(weakref.ref(example))
        return example

    for index, score in enumerate(np.random.default_rng(0).random(1000)):
        kept.offer(score, lambda index=index: make(index))
    gc.collect()
    assert sum(example() is not None for example in made) == 6
    assert len(made) < 100  # others are not even drawn
