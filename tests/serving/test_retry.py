import time

import pytest

from deeplab_tf.serving import ServingError, UnavailableError, retry
from deeplab_tf.serving.retry import TryAgainError, with_retries


class Attempts:
    """Fails so many times, and keeps what it was called with."""

    def __init__(self, failures, error=TryAgainError):
        self.failures, self.error, self.seconds = failures, error, []

    def __call__(self, seconds):
        self.seconds.append(seconds)
        if len(self.seconds) <= self.failures:
            raise self.error("away")
        return "done"


def test_what_may_go_better_is_tried_again():
    attempts, pauses = Attempts(3), []
    assert with_retries(attempts, retries=3, deadline=100, sleep=pauses.append) == "done"
    assert len(attempts.seconds) == 4
    for pause, longest in zip(pauses, (0.2, 0.4, 0.8), strict=True):
        assert longest / 2 <= pause <= longest


def test_pauses_have_a_longest():
    pauses = []
    with_retries(Attempts(12), retries=12, deadline=1e6, sleep=pauses.append)
    assert max(pauses) <= retry.LONGEST_PAUSE


@pytest.mark.parametrize("retries, times", [(0, "once"), (2, "3 times")])
def test_the_last_failure_is_told(retries, times):
    attempts = Attempts(9)
    with pytest.raises(UnavailableError, match=rf"away \(tried {times}\)"):
        with_retries(attempts, retries, deadline=100, sleep=lambda seconds: None)
    assert len(attempts.seconds) == retries + 1


def test_the_deadline_is_for_all_attempts_together():
    attempts, start = Attempts(99), time.monotonic()
    with pytest.raises(UnavailableError):
        with_retries(attempts, retries=99, deadline=0.5)
    assert time.monotonic() - start < 0.5
    assert attempts.seconds == sorted(attempts.seconds, reverse=True)
    assert 0 < attempts.seconds[-1] < attempts.seconds[0] <= 0.5


def test_a_refusal_is_final():
    attempts = Attempts(1, ServingError)
    with pytest.raises(ServingError, match="away"):
        with_retries(attempts, retries=5, deadline=100)
    assert len(attempts.seconds) == 1
