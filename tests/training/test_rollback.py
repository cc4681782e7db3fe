"""Going back to the newest checkpoint where a run breaks, with `train.on_nan="rollback"`."""

import numpy as np
import pytest

from deeplab_tf.data.pipeline import names_of_step
from deeplab_tf.training import phase_training
from tests.training.runs import (
    SPLIT,
    checkpointed,
    metrics,
    replace_steps,
    small_config,
    step_results,
    trainer,
)

pytestmark = pytest.mark.usefixtures("shallow_vgg")

NAN = float("nan")


def rolling(**train):
    return small_config(steps=6, checkpoint_every=2, eval_every=0, on_nan="rollback", **train)


@pytest.fixture
def losses(monkeypatch):
    """What the steps return in place of training; 1 once the list is empty."""
    numbers = []
    replace_steps(monkeypatch, numbers)
    return numbers


def test_a_broken_run_goes_on_from_its_newest_checkpoint(tmp_path, losses):
    losses += [1.0, 2.0, 3.0, NAN, 5.0]
    logged = []
    trainer(tmp_path, rolling(log_every=1), logged).run()
    (line,) = [line for line in logged if "Going back" in line]
    assert line.startswith("The loss became nan in step 4, whose images are ")
    assert line.endswith("Going back to step 2, with the images in another order.")
    found = [(line["step"], line["loss"]) for line in metrics(tmp_path)]
    # Step 3 was taken again: its line of before is gone.
    assert found == [(1, 1.0), (2, 2.0), (3, 5.0), (4, 1.0), (5, 1.0), (6, 1.0)]
    assert (tmp_path / "model.keras").exists()


def images_of_steps(monkeypatch, broken):
    """Has the steps with the numbers in `broken`, counted over all tries, break; returns images."""
    seen = []

    def step(batch):
        seen.append(batch["images"].numpy())
        return step_results(NAN if len(seen) in broken else 1.0)

    monkeypatch.setattr(phase_training, "build_step", lambda *_: step)
    return seen


@pytest.mark.slow
def test_the_images_come_in_another_order_that_a_restart_keeps(tmp_path, monkeypatch):
    seen = images_of_steps(monkeypatch, broken={4, 6})
    run = trainer(tmp_path, rolling(log_every=1))
    run.run()
    first, second, third = seen[2:4], seen[4:6], seen[6:8]  # steps 3 and 4, three times
    assert not np.array_equal(first, second) and not np.array_equal(second, third)
    last = seen[-1]
    for file in (tmp_path / "checkpoints").glob("ckpt-6.*"):
        file.unlink()
    again = images_of_steps(monkeypatch, broken=set())
    resumed = trainer(tmp_path, rolling(log_every=1))
    assert resumed._training.state.first_step == 4
    assert resumed._training.state.reorders == 2
    resumed.run()
    np.testing.assert_array_equal(again[-1], last)


@pytest.mark.slow
def test_the_images_that_are_named_are_those_of_the_new_order(tmp_path, losses):
    losses += [NAN, 1.0, NAN]
    logged = []
    trainer(tmp_path, rolling(log_every=1), logged).run()
    named = [line.split("images are ")[1].split(".")[0] for line in logged if "Going" in line]
    assert named == [
        ", ".join(names_of_step(SPLIT, step, 2, seed)) for step, seed in ((1, 0), (2, 1))
    ]


@pytest.mark.slow
def test_three_other_orders_are_tried_from_one_checkpoint(tmp_path, losses):
    losses += [1.0, 1.0, *[NAN] * 4]
    with pytest.raises(FloatingPointError, match=r"step 3.*From step 2 3 other orders"):
        trainer(tmp_path, rolling(log_every=1)).run()
    assert checkpointed(tmp_path) == {2} and not losses


@pytest.mark.slow
def test_progress_between_breaks_gives_new_tries(tmp_path, losses):
    losses += [NAN, NAN, NAN, 1.0, 1.0, NAN, NAN, NAN]
    trainer(tmp_path, rolling(log_every=1)).run()
    assert checkpointed(tmp_path) == {4, 6} and not losses


def test_a_network_that_breaks_before_it_is_saved_goes_back_too(tmp_path, monkeypatch):
    run, steps = trainer(tmp_path, rolling(log_every=0)), []

    def step(batch):
        steps.append(len(steps) + 1)
        if steps[-1] == 4:
            run.model.variables_by_name()["fc8/bias"].assign([NAN] * 5)
        return step_results(1.0)

    monkeypatch.setattr(phase_training, "build_step", lambda *_: step)
    model = run.run()
    assert len(steps) == 8 and np.isfinite(model.variables_by_name()["fc8/bias"]).all()


def test_workers_go_back_together(tmp_path, losses, monkeypatch):
    faults = [0, 1]  # of the other worker, at the second checkpoint and at the first
    monkeypatch.setattr(
        phase_training, "gather", lambda _, number: [number, faults.pop() if faults else 0]
    )
    monkeypatch.setattr(phase_training.PhaseTraining, "_signal", lambda *_: 0)
    logged = []
    trainer(tmp_path, rolling(log_every=0), logged).run()
    assert [line for line in logged if "Going back" in line] == [
        "The network of step 2 is broken in another worker. Going back to step 0, with the images "
        "in another order."
    ]
