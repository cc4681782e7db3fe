import numpy as np
import pytest

from deeplab_tf.benchmarks import crf
from tests.crf.oracle import scene, softmax


@pytest.mark.parametrize("live", [5, crf.CLASSES])
def test_rough_logits_are_like_a_networks(live):
    image, _ = scene(96, 120, 0)
    probabilities = softmax(crf.rough_logits(image, live))
    assert probabilities.shape == (96, 120, crf.CLASSES)
    likely = probabilities.reshape(-1, crf.CLASSES).max(axis=0) > 0.05
    assert likely.sum() >= live - 1  # a region of its own may be too small to lead anywhere
    if live == 5:
        assert 0.7 < probabilities.max(axis=-1).mean() < 0.85 and likely.sum() == 5


def test_all_functions_take_turns():
    calls = []
    runs = {"one": lambda: calls.append(1), "two": lambda: calls.append(2)}
    seconds = crf._in_turn(runs, repeats=3)
    assert calls == [1, 2] * 3 and set(seconds) == {"one", "two"}
    assert all(np.isfinite(value) and value >= 0 for value in seconds.values())
