import re

import pytest
import tensorflow as tf

from deeplab_tf.training import start_lines
from deeplab_tf.training.config import base_config
from deeplab_tf.training.start_lines import FirstSteps, describe_steps


@pytest.mark.parametrize(
    ("values", "replicas", "line"),
    [({}, 1, "steps: 100 of 10 crops of 33x33, 0.0109 million pixels each; 20.0 epochs"),
     ({"iter_size": 3}, 2,
      "steps: 100 of 30 crops of 33x33 (3 micro-batches of 10, 2 replicas of 5), "
      "0.0327 million pixels each; 60.0 epochs")],
)  # fmt: skip
def test_steps_are_described_with_their_division(values, replicas, line):
    settings = base_config("vgg16_large_fov").train
    settings.update(steps=100, **values)
    assert describe_steps(settings, 33, 50, replicas) == line


class Clock:
    """A clock of which every look takes a second."""

    now = 0.0

    def monotonic(self):
        self.now += 1
        return self.now


def test_the_time_left_follows_from_steps_after_the_first(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(start_lines, "time", clock)
    first_steps, lines = FirstSteps(first_step=100, last_step=206), {}
    for step in range(101, 207):
        clock.now += 1000 if step == 101 else 9.75  # which is traced
        if line := first_steps.measure(step, tf.constant(1.0)):
            lines[step] = line
    (line,) = lines.values()
    assert list(lines) == [106]
    assert re.fullmatch(
        r"10 s a step, 0:16:40 for the steps that are left; \d+\.\d GB of memory", line
    )


def test_a_short_run_says_nothing():
    first_steps = FirstSteps(first_step=0, last_step=6)
    assert not any(first_steps.measure(step, tf.constant(1.0)) for step in range(1, 7))


def test_of_a_gpu_its_own_memory_counts(monkeypatch):
    class Device:
        name = "/device:GPU:0"

    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: [Device])
    monkeypatch.setattr(
        tf.config.experimental, "get_memory_info", lambda name: {"GPU:0": {"peak": 3.21e9}}[name]
    )
    first_steps = FirstSteps(first_step=0, last_step=99)
    lines = [first_steps.measure(step, tf.constant(1.0)) for step in range(1, 7)]
    assert lines[-1].endswith("; 3.2 GB of memory on GPU:0")
