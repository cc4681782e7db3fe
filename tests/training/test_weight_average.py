"""The moving average of the weights: its numbers, and what takes it in a run."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.models.loading import load_model
from deeplab_tf.training.optimizers import trained_variables
from deeplab_tf.training.weight_average import WeightAverage
from tests.training.fakes import LinearModel, value_of
from tests.training.runs import metrics, replace_steps, small_config, trainer, weights

DECAY = 0.5


def average_of(history, decay):
    """The average of weights [steps + 1, ...], the first of them before any step, in NumPy."""
    average = history[0]
    for step, new in enumerate(history[1:], 1):
        share = min(decay, (1 + step) / (10 + step))
        average = share * average + (1 - share) * new
    return average


@pytest.mark.parametrize("decay", [0.0, 0.3, 0.999])
def test_it_is_that_of_the_formula(decay):
    model = LinearModel()
    trained = trained_variables(model, ())
    average, history = WeightAverage(trained, decay), [value_of(model.kernel)]
    rng = np.random.default_rng(0)
    for step in range(1, 6):
        history.append(rng.normal(size=history[0].shape).astype(np.float32))
        model.kernel.assign(history[-1])
        average.update(tf.distribute.get_strategy(), tf.constant(step))
    wanted = average_of(np.array(history), decay)
    np.testing.assert_allclose(average.variables["fc8/kernel"].numpy(), wanted, atol=1e-6)
    with average.applied():
        np.testing.assert_allclose(value_of(model.kernel), wanted, atol=1e-6)
    np.testing.assert_array_equal(value_of(model.kernel), history[-1])


def test_the_weights_come_back_after_an_error():
    model = LinearModel()
    average = WeightAverage(trained_variables(model, ()), DECAY)
    model.kernel.assign(value_of(model.kernel) + 1)
    before = value_of(model.kernel)
    with pytest.raises(KeyError), average.applied():
        assert np.abs(value_of(model.kernel) - before).max() == 1
        raise KeyError
    np.testing.assert_array_equal(value_of(model.kernel), before)


class KilledError(Exception):
    pass


@pytest.fixture(scope="module")
def runs(shallow_vgg, tmp_path_factory):
    """Ten steps with an average at once, in two parts, and without one.

    Returns what every evaluation saw of a variable, the final weights, and the work directories.
    """
    seen, ended, folders = {}, {}, {}
    for name, decay in (("whole", DECAY), ("parts", DECAY), ("without", 0.0)):
        folder = folders[name] = tmp_path_factory.mktemp(name)
        seen[name] = []
        config = small_config(ema_decay=decay, eval_every=1, learning_rate=1e-2)

        def evaluate(model, name=name):
            seen[name].append(weights(model)["fc8/kernel"])
            if name == "parts" and len(seen[name]) == 7:
                raise KilledError
            return {"split": "val", "miou": 0.5}

        keras.utils.set_random_seed(1)
        first = trainer(folder, config)
        start = weights(first.model)["fc8/kernel"]
        if name == "parts":
            with pytest.raises(KilledError):
                first.run(evaluate)
            first = trainer(folder, config)
        ended[name] = weights(first.run(evaluate))
    return start, seen, ended, folders


@pytest.mark.slow
def test_evaluations_and_the_model_take_it_and_training_does_not(runs):
    start, seen, ended, folders = runs
    for step in range(1, 11):
        wanted = average_of(np.array([start, *seen["without"][:step]]), DECAY)
        np.testing.assert_allclose(seen["whole"][step - 1], wanted, atol=1e-6)
    assert np.abs(seen["whole"][-1] - seen["without"][-1]).max() > 1e-5
    np.testing.assert_array_equal(ended["whole"]["fc8/kernel"], seen["whole"][-1])
    saved = weights(load_model(folders["whole"] / "model.keras"))["fc8/kernel"]
    np.testing.assert_array_equal(saved, seen["whole"][-1])
    losses = [
        [line["loss"] for line in metrics(folders[name]) if "loss" in line]
        for name in ("whole", "without")
    ]
    assert losses[0] == losses[1]


@pytest.mark.slow
def test_a_run_in_two_parts_ends_with_the_same_bits(runs):
    _, _, ended, _ = runs
    for name, value in ended["whole"].items():
        np.testing.assert_array_equal(ended["parts"][name], value, err_msg=name)


@pytest.mark.usefixtures("shallow_vgg")
def test_a_run_may_go_on_with_an_average_and_without_one(tmp_path, monkeypatch):
    replace_steps(monkeypatch, [])
    trainer(tmp_path, small_config(steps=2, eval_every=0)).run()
    for steps, decay in ((4, 0.9), (6, 0.0)):
        config = small_config(steps=steps, ema_decay=decay, eval_every=0, checkpoint_every=2)
        trainer(tmp_path, config).run()
        assert metrics(tmp_path)[-1]["step"] == steps
