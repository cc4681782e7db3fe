import keras
import numpy as np
import pytest
import tensorflow as tf
from ml_collections import ConfigDict

from deeplab_tf.training.schedules import (
    Cosine,
    Fixed,
    Inverse,
    Polynomial,
    Step,
    build_schedule,
)

STEPS = np.array([0, 1, 1999, 2000, 2001, 5999, 6000, 19999])

# Schedule and the formula in the header of Caffe's sgd_solver.cpp, or in the train_utils.py of
# research/deeplab where there is a warm-up.
FORMULAS = [
    (Fixed(2e-3), lambda t: 2e-3 + 0.0 * t),
    (Step(1e-3, gamma=0.1, step_size=2000), lambda t: 1e-3 * 0.1 ** (t // 2000)),
    (Polynomial(2.5e-4, 20000, 0.9), lambda t: 2.5e-4 * (1 - t / 20000) ** 0.9),
    (
        Polynomial(7e-3, 20000, 0.9, warmup_steps=2000, warmup_rate=1e-4),
        lambda t: np.where(t < 2000, 1e-4, 7e-3 * (1 - np.maximum(t - 2000, 0) / 18000) ** 0.9),
    ),
    (Inverse(1e-2, gamma=1e-4, power=0.75), lambda t: 1e-2 * (1 + 1e-4 * t) ** -0.75),
    # Loshchilov and Hutter 2017, equation 5, with its lowest rate 0.
    (Cosine(1e-2, 20000), lambda t: 5e-3 * (1 + np.cos(np.pi * t / 20000))),
    (
        Cosine(1e-2, 20000, warmup_steps=2000, warmup_rate=1e-3),
        lambda t: np.where(
            t < 2000, 1e-3 + 9e-3 * t / 2000, 5e-3 * (1 + np.cos(np.pi * (t - 2000) / 18000))
        ),
    ),
]
SCHEDULES = [schedule for schedule, _ in FORMULAS]


def name_of(value):
    return type(value).__name__ if value in SCHEDULES else ""


@pytest.mark.parametrize(("schedule", "formula"), FORMULAS, ids=name_of)
def test_rates_are_those_of_the_formulas(schedule, formula):
    rates = [float(schedule(tf.constant(t, tf.int64))) for t in STEPS]
    # float32: close to the end 1 - t / 20000 keeps only four digits or so.
    np.testing.assert_allclose(rates, formula(STEPS.astype(float)), rtol=2e-3, atol=1e-9)
    np.testing.assert_allclose(rates[:-1], formula(STEPS[:-1].astype(float)), rtol=1e-5)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=name_of)
def test_step_may_be_a_python_number_or_a_tensor(schedule):
    rates = [schedule(7), schedule(tf.constant(7, tf.int64)), schedule(tf.constant(7.0))]
    assert {rate.dtype for rate in rates} == {tf.float32}
    assert len({float(rate) for rate in rates}) == 1


def test_v1_drops_by_ten_at_every_2000_steps():
    schedule = Step(1e-3)
    found = [float(schedule(t)) for t in (1999, 2000, 3999, 4000)]
    np.testing.assert_allclose(found, [1e-3, 1e-4, 1e-4, 1e-5], rtol=1e-5)


def test_polynomial_reaches_zero_and_stays_there():
    # Caffe would raise a negative number to 0.9 and get NaN.
    schedule = Polynomial(1.0, 10, 0.9)
    assert [float(schedule(t)) for t in (10, 11, 1000)] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=name_of)
def test_serialization_round_trip(schedule):
    text = keras.optimizers.schedules.serialize(schedule)
    again = keras.optimizers.schedules.deserialize(text)
    assert type(again) is type(schedule)
    assert again.get_config() == schedule.get_config()


def test_config_holds_every_argument():
    assert Step(1e-3, 0.5, 10).get_config() == {
        "base_rate": 1e-3,
        "gamma": 0.5,
        "step_size": 10.0,
    }


def settings(**values):
    row = {"policy": "poly", "learning_rate": 0.5, "steps": 4, "power": 2.0, "gamma": 0.25}
    return ConfigDict({**row, "step_size": 3, "warmup_steps": 0, "warmup_rate": 0.125, **values})


@pytest.mark.parametrize(
    ("policy", "rate"),
    # At step 3: the base rate, one drop, (1 - 3/4)^2 and (1 + 3/4)^-2 of it, a cosine of 3/4 pi.
    [
        ("fixed", 0.5),
        ("step", 0.125),
        ("poly", 0.03125),
        ("inv", 0.5 / 1.75**2),
        ("cosine", 0.25 * (1 - 0.5**0.5)),
    ],
)
def test_policies_take_their_keys_from_the_configuration(policy, rate):
    assert float(build_schedule(settings(policy=policy))(3)) == pytest.approx(rate, rel=1e-6)


def test_warm_up_is_a_part_of_the_steps():
    schedule = build_schedule(settings(steps=6, warmup_steps=2))
    rates = [float(schedule(step)) for step in range(7)]
    np.testing.assert_allclose(rates, [0.125, 0.125, 0.5, 0.28125, 0.125, 0.03125, 0], rtol=1e-6)
    for policy in ("poly", "cosine"):
        with pytest.raises(ValueError, match=r"less than.*Received: warmup_steps=6, steps=6"):
            build_schedule(settings(policy=policy, steps=6, warmup_steps=6))


def test_unknown_policy_names_the_known():
    with pytest.raises(ValueError, match=r"train\.policy.*'cosine', 'fixed'.*Received: 'exp'"):
        build_schedule(settings(policy="exp"))


@pytest.mark.parametrize("arguments", [{}, {"base_rate": "fast"}, {"base_rate": 1, "gama": 2}])
def test_bad_arguments_are_refused(arguments):
    with pytest.raises((TypeError, ValueError)):
        Step(**arguments)
