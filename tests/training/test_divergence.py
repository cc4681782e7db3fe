import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf import compat
from deeplab_tf.training import phase_training
from tests.training.runs import (
    checkpointed,
    replace_steps,
    small_config,
    step_results,
    trainer,
    weights,
)

pytestmark = pytest.mark.usefixtures("shallow_vgg")


def breaking_step(run, monkeypatch, last, value):
    """Has the step after which a weight is broken be the last; its loss is older and sound."""
    steps, variables = [], run.model.variables_by_name()
    kernel, bias = variables["fc8/kernel"], variables["fc7/bias"]

    def step(batch):
        steps.append(len(steps) + 1)
        if steps[-1] == last:
            bias.assign(tf.fill(bias.shape, 1e30))  # finite, but not times a huge kernel
            kernel.assign(tf.fill(kernel.shape, value))
        return step_results(1.0)

    monkeypatch.setattr(phase_training, "build_step", lambda *_: step)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("value", "name"),
    [(float("nan"), "fc8/kernel"), (3e38, "a logit")],
)
def test_broken_last_step_is_not_saved_and_a_restart_goes_on(tmp_path, monkeypatch, value, name):
    config = small_config(steps=4, checkpoint_every=2)
    run = trainer(tmp_path, config)
    start = weights(run.model)
    breaking_step(run, monkeypatch, 4, value)
    with pytest.raises(FloatingPointError) as error:
        run.run()
    message = str(error.value)
    assert message.startswith(f"{name} is not finite (NaN or infinity) after step 4")
    assert "Lower train.learning_rate" in message and "from the checkpoint of step 2" in message
    assert checkpointed(tmp_path) == {2} and not (tmp_path / "model.keras").exists()
    again = trainer(tmp_path, config)
    for key, wanted in start.items():  # the first three steps changed nothing
        np.testing.assert_array_equal(weights(again.model)[key], wanted)
    again.run()
    assert checkpointed(tmp_path) == {2, 4} and (tmp_path / "model.keras").exists()


def test_broken_momentum_is_not_saved(tmp_path, monkeypatch):
    replace_steps(monkeypatch, [])
    run = trainer(tmp_path, small_config(steps=1))
    slots = [
        v for v in compat.optimizer_variables(run._training.state.optimizer) if len(v.shape) == 4
    ]
    slots[0].assign(tf.fill(slots[0].shape, float("inf")))
    with pytest.raises(FloatingPointError, match=r"^the optimizer's .* not finite .* step 1"):
        run.run()
    assert checkpointed(tmp_path) == set()


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("rate", [1e38, 1e15])
def test_an_absurd_rate_leaves_nothing_a_restart_would_choke_on(tmp_path, monkeypatch, rate):
    with pytest.raises(FloatingPointError, match=r"after step 1.*goes on from the start"):
        trainer(tmp_path, small_config(steps=1, learning_rate=rate)).run()
    assert checkpointed(tmp_path) == set() and not (tmp_path / "model.keras").exists()
    replace_steps(monkeypatch, [])  # a restart reads what there is, whatever its steps do
    trainer(tmp_path, small_config(steps=1, learning_rate=1e-3)).run()
    assert checkpointed(tmp_path) == {1} and (tmp_path / "model.keras").exists()


def test_a_broken_checkpoint_of_an_older_version_is_named(tmp_path):
    run = trainer(tmp_path, small_config(steps=2))
    bias = run.model.variables_by_name()["fc8/bias"]
    bias.assign([float("nan")] * 5)
    run._training.state._checkpoints.save(2)
    with pytest.raises(ValueError, match=r"fc8/bias is not finite .* checkpoint of step 2"):
        trainer(tmp_path, small_config(steps=2))
