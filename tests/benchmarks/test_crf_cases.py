import pytest

from benchmarks import crf_cases
from deeplab_tf.crf.reference import softmax
from tests.crf.scenes import scene


@pytest.mark.parametrize("live", [5, crf_cases.CLASSES])
def test_rough_logits_are_like_a_networks(live):
    image, _ = scene(96, 120, 0)
    probabilities = softmax(crf_cases.rough_logits(image, live))
    assert probabilities.shape == (96, 120, crf_cases.CLASSES)
    likely = probabilities.reshape(-1, crf_cases.CLASSES).max(axis=0) > 0.05
    assert likely.sum() >= live - 1  # a region of its own may be too small to lead anywhere
    if live == 5:
        assert 0.7 < probabilities.max(axis=-1).mean() < 0.85 and likely.sum() == 5
