import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.training import loss_scale
from deeplab_tf.training.loss_scale import LossScale
from tests.training.fakes import LinearModel, one_step, random_batch


def values(scale):
    return {name: float(variable.numpy()) for name, variable in scale.variables.items()}


def update(scale, *finite):
    for is_finite in finite:
        scale.update(tf.constant(is_finite))
    return values(scale)


def test_an_overflow_halves_the_factor_and_many_good_steps_double_it(monkeypatch):
    monkeypatch.setattr(loss_scale, "_PATIENCE", 3)
    scale = LossScale()
    assert update(scale, True, True) == {"scale": 2**15, "good_steps": 2}
    assert update(scale, False) == {"scale": 2**14, "good_steps": 0}
    assert update(scale, True, True) == {"scale": 2**14, "good_steps": 2}
    assert update(scale, True) == {"scale": 2**15, "good_steps": 0}


def test_the_factor_stays_between_one_and_its_largest(monkeypatch):
    monkeypatch.setattr(loss_scale, "_PATIENCE", 1)
    scale = LossScale()
    assert update(scale, *[False] * 40)["scale"] == 1
    assert update(scale, *[True] * 40)["scale"] == 2**24


def test_what_is_scaled_is_unscaled_to_the_bit():
    scale, x = LossScale(), tf.constant([1.2345, -3e-7, 0.0])
    np.testing.assert_array_equal(scale.unscale([scale.scale(x)])[0], x)


@pytest.fixture
def eager():
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.mark.usefixtures("eager")
def test_a_scaled_step_is_the_step():
    batch = random_batch(iter_size=2, batch=2)
    plain = one_step(LinearModel(), batch)
    scaled = one_step(LinearModel(), batch, loss_scale=LossScale())
    assert plain[0] == scaled[0]
    for name, change in plain[1].items():
        np.testing.assert_array_equal(scaled[1][name], change)


@pytest.mark.parametrize("strategy", [None, "mirrored"])
def test_a_step_that_overflows_changes_the_factor_only(strategy):
    scope = tf.distribute.MirroredStrategy(["CPU:0"]) if strategy else tf.distribute.get_strategy()
    batch = random_batch(iter_size=1, batch=2)
    batch["images"][0, 0, 0, 0] = np.inf
    with scope.scope():
        scale, model = LossScale(), LinearModel()
        _, changes = one_step(model, batch, loss_scale=scale, strategy=scope)
    assert all((change == 0).all() for change in changes.values())
    assert values(scale) == {"scale": 2**14, "good_steps": 0}
