import pytest
import tensorflow as tf

from deeplab_tf.training import progress
from deeplab_tf.training.progress import Progress
from tests.training.runs import step_results


class Clock:
    """A clock that stands still until it is moved."""

    now = 1000.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def add(found, *losses, logits=()):
    for number, loss in enumerate(losses):
        found.add(step_results(loss, *logits[number : number + 1]))


def test_a_report_has_the_mean_loss_and_the_speed_since_the_last(clock):
    found = Progress(first_step=10, steps=20, images_per_step=6)
    add(found, 1.0, 3.0)
    clock.now += 4
    assert found.report(12, learning_rate=0.5) == {
        "loss": 2.0, "learning_rate": 0.5, "images_per_second": 3.0,
    }  # fmt: skip
    add(found, 5.0)
    clock.now += 1
    assert found.report(13) == {"loss": 5.0, "images_per_second": 6.0}


def test_the_time_left_ignores_the_first_interval_and_pauses(clock):
    found = Progress(first_step=0, steps=100, images_per_step=2)
    add(found, 1.0)
    clock.now += 60  # traces the step
    values = found.report(1, learning_rate=0.25)
    assert found.line(1, values) == (
        "step 1/100  loss 1.0000  rate 2.50e-01  0.03 images/s  1:39:00 left"
    )
    add(found, 1.0)
    with found.pause():
        clock.now += 1000
    clock.now += 18
    values = found.report(10, learning_rate=0.25)
    assert found.line(10, values).endswith("1.00 images/s  0:03:00 left")


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_is_an_error(bad):
    found = Progress(
        first_step=3, steps=9, images_per_step=1, losses=[tf.constant(1.0)],
        names_of=lambda step: [f"a{step}", "b"],
    )  # fmt: skip
    assert found.check(3) == 1.0
    add(found, 1.0, bad, bad, 1.0, logits=(7.25, float("inf")))
    wanted = (
        rf"became {bad} in step 5, whose images are a5, b\. The largest logits: 7\.25 in step 4, "
        r"inf in step 5\. Lower train\.learning_rate"
    )
    with pytest.raises(FloatingPointError, match=wanted):
        found.report(7)


def test_of_steps_before_a_restart_no_logits_are_known():
    found = Progress(first_step=1, steps=9, images_per_step=1, losses=[tf.constant(1.0)])
    assert found.check(1) == 1.0
    add(found, float("nan"), logits=(1e12,))
    with pytest.raises(FloatingPointError, match=r"step 2\. .* logits: 1e\+12 in step 2\."):
        found.check(2)
    unknown = Progress(1, 9, 1, losses=[tf.constant(float("nan"))])
    with pytest.raises(FloatingPointError, match=r"in step 1\. Lower train\.learning_rate"):
        unknown.check(1)
