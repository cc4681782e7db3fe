"""Which network of a run is kept, and when a run ends early."""

import math

import keras
import numpy as np
import pytest

from deeplab_tf.models.loading import load_model
from deeplab_tf.training import best_model
from deeplab_tf.training.best_model import BestModel
from tests.models.narrow import narrow_model
from tests.training.runs import (
    KilledError,
    checkpointed,
    metrics,
    replace_steps,
    small_config,
    trainer,
    weights,
)

pytestmark = pytest.mark.usefixtures("shallow_vgg")


@pytest.fixture(scope="module")
def model():
    return narrow_model(width=0.05)


def best_of(folder, patience=0, values=None, logged=None):
    log = [] if logged is None else logged
    return BestModel(folder, "miou", patience, values or {}, log.append)


def mark(model, step):
    """Makes the weights of a step known by one number."""
    model.variables_by_name()["fc8/bias"].assign(np.full(model.num_classes, step, np.float32))


def marked(model):
    return float(np.asarray(model.variables_by_name()["fc8/bias"])[0])


def evaluations(values, patience=0):
    """A run of 10 steps in which evaluations after 2, 4, 6, 8, 10 steps give these numbers."""
    config = small_config(
        eval_every=2, checkpoint_every=0, keep_checkpoints=9, monitor="miou", patience=patience
    )
    numbers = iter(values)

    def evaluate(model):
        value = next(numbers)
        mark(model, value)
        return {"split": "val", "miou": value}

    return config, evaluate


def kept(folder):
    return sorted(path.name for path in folder.glob("best-*"))


def test_the_first_of_the_best_networks_is_kept(tmp_path, model):
    best = best_of(tmp_path)
    for step, value in ((1, 0.5), (2, 0.7), (3, 0.7), (4, 0.6)):
        mark(model, step)
        best.update(step, {"miou": value}, model)
    assert kept(tmp_path) == ["best-2.keras"]
    assert marked(load_model(tmp_path / "best-2.keras")) == 2
    best.restore(model)
    assert marked(model) == 2 and not best.is_exhausted


def test_no_number_is_no_better_than_any_number(tmp_path, model):
    best = best_of(tmp_path, patience=2)
    for step, value in ((1, None), (2, 0.1), (3, math.nan), (4, None)):
        assert not best.is_exhausted
        best.update(step, {"miou": value}, model)
    assert kept(tmp_path) == ["best-2.keras"] and best.is_exhausted


def test_what_an_evaluation_does_not_give_cannot_be_monitored(tmp_path, model):
    with pytest.raises(
        ValueError, match=r"no 'miou' to monitor, only \['loss'\]. .*train\.monitor"
    ):
        best_of(tmp_path).update(1, {"loss": 1.0}, model)


def test_without_a_monitor_nothing_is_kept(tmp_path, model):
    best = BestModel(tmp_path, "", 0, {}, print)
    best.update(1, {}, model)
    best.restore(model)
    assert not list(tmp_path.iterdir()) and not best.is_exhausted


def test_a_new_run_knows_what_was_best_before_its_checkpoint(tmp_path, model):
    for step in (1, 3):
        (tmp_path / f"best-{step}.keras").write_bytes(b"")
    # Step 3 came after the checkpoint that the run goes on from.
    best = best_of(tmp_path, patience=2, values={1: 0.5, 2: 0.4})
    assert kept(tmp_path) == ["best-1.keras"] and not best.is_exhausted
    best.update(3, {"miou": 0.45}, model)
    assert kept(tmp_path) == ["best-1.keras"] and best.is_exhausted


def test_evaluations_before_anything_was_monitored_do_not_count(tmp_path, model):
    best = best_of(tmp_path, patience=1, values={1: 0.9, 2: 0.8})
    assert not best.is_exhausted
    best.update(3, {"miou": 0.1}, model)
    assert kept(tmp_path) == ["best-3.keras"]


@pytest.fixture
def no_training(monkeypatch):
    replace_steps(monkeypatch, [])


@pytest.mark.usefixtures("no_training")
def test_the_model_of_a_run_is_the_best(tmp_path):
    config, evaluate = evaluations([0.2, 0.5, 0.4, 0.3, 0.1])
    logged = []
    found = trainer(tmp_path, config, logged).run(evaluate)
    saved = keras.models.load_model(tmp_path / "model.keras")
    assert marked(found) == marked(saved) == np.float32(0.5)
    assert logged[-1] == "the model is that of step 4: miou 0.5000"
    assert checkpointed(tmp_path) == {2, 4, 6, 8, 10}


@pytest.mark.usefixtures("no_training")
def test_a_run_that_gets_no_better_ends_and_stays_ended(tmp_path):
    config, evaluate = evaluations([0.2, 0.5, 0.4, 0.3, 0.9], patience=2)
    logged = []
    trainer(tmp_path, config, logged).run(evaluate)
    assert logged[-2] == (
        "miou has not been better than 0.5000 of step 4 in 2 evaluations: the run ends at step 8"
    )
    before = metrics(tmp_path)
    assert before[-1]["step"] == 8
    again = trainer(tmp_path, config).run(evaluate)  # which would give 0.9 next
    assert metrics(tmp_path) == before and marked(again) == np.float32(0.5)


@pytest.mark.usefixtures("no_training")
def test_an_evaluation_that_was_killed_is_made_up(tmp_path):
    config, evaluate = evaluations([0.2, 0.5, 0.4, 0.3, 0.1])

    def kill(model):
        if sum("miou" in line for line in metrics(tmp_path)) == 1:
            raise KilledError
        return evaluate(model)

    with pytest.raises(KilledError):
        trainer(tmp_path, config).run(kill)
    trainer(tmp_path, config).run(evaluate)
    found = {line["step"]: line["miou"] for line in metrics(tmp_path) if "miou" in line}
    assert found == {2: 0.2, 4: 0.5, 6: 0.4, 8: 0.3, 10: 0.1}
    assert weights(load_model(tmp_path / "model.keras"))["fc8/bias"][0] == np.float32(0.5)


@pytest.mark.slow
@pytest.mark.usefixtures("no_training")
def test_the_best_network_that_a_kill_left_half_written_is_kept_by_the_next_run(
    tmp_path, monkeypatch
):
    def kill(*_, **options):
        raise KilledError

    config, evaluate = evaluations([0.2, 0.5, 0.5, 0.3, 0.1, 0.0])
    run = trainer(tmp_path, config)
    evaluated = []

    def evaluate_and_kill(model):
        evaluated.append(model)
        if len(evaluated) == 2:
            monkeypatch.setattr(best_model, "whole_file", kill)
        return evaluate(model)

    with pytest.raises(KilledError):
        run.run(evaluate_and_kill)
    monkeypatch.undo()
    replace_steps(monkeypatch, [])
    trainer(tmp_path, config).run(evaluate)
    found = [(line["step"], line["miou"]) for line in metrics(tmp_path) if "miou" in line]
    assert found == [(2, 0.2), (4, 0.5), (6, 0.3), (8, 0.1), (10, 0.0)]
    assert weights(load_model(tmp_path / "model.keras"))["fc8/bias"][0] == np.float32(0.5)
    assert kept(tmp_path / "checkpoints") == ["best-4.keras"]
