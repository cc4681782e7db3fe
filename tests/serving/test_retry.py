import time

import pytest

from deeplab_tf.serving import ServingError, UnavailableError, retry
from deeplab_tf.serving.retry import RetryableError, with_retries


class Attempts:
    """Fails a number of times and records its arguments."""

    def __init__(self, failures, error=RetryableError):
        self.failures, self.error, self.seconds = failures, error, []

    def __call__(self, seconds):
        self.seconds.append(seconds)
        if len(self.seconds) <= self.failures:
            raise self.error("away")
        return "done"


@pytest.fixture
def pauses(monkeypatch):
    """Records the pauses in place of making them."""
    recorded = []
    monkeypatch.setattr(time, "sleep", recorded.append)
    return recorded


def test_pauses_double_up_to_the_longest(pauses):
    attempts = Attempts(12)
    assert with_retries(attempts, retries=12, deadline=1e6) == "done"
    assert len(attempts.seconds) == 13
    for pause, longest in zip(pauses, [0.2, 0.4, 0.8, 1.6, 3.2, 6.4] + [10] * 6, strict=True):
        assert longest / 2 <= pause <= longest <= retry.MAX_PAUSE


@pytest.mark.parametrize("retries, times", [(0, "once"), (2, "3 times")])
def test_last_failure_is_reported(retries, times, pauses):
    attempts = Attempts(9)
    with pytest.raises(UnavailableError, match=rf"away \(tried {times}\)") as error:
        with_retries(attempts, retries, deadline=100)
    assert len(attempts.seconds) == retries + 1
    assert isinstance(error.value.__cause__, RetryableError)


def test_deadline_is_for_all_attempts():
    attempts, start = Attempts(99), time.monotonic()
    with pytest.raises(UnavailableError):
        with_retries(attempts, retries=99, deadline=0.5)
    assert time.monotonic() - start < 0.5
    assert attempts.seconds == sorted(attempts.seconds, reverse=True)
    assert 0 < attempts.seconds[-1] < attempts.seconds[0] <= 0.5


def test_refusals_are_not_retried():
    attempts = Attempts(1, ServingError)
    with pytest.raises(ServingError, match="away"):
        with_retries(attempts, retries=5, deadline=100)
    assert len(attempts.seconds) == 1
