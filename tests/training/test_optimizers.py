import keras
import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf import compat
from deeplab_tf.training.optimizers import (
    apply_updates,
    build_optimizer,
    exclude_from_decay,
    layer_factors,
    trained_variables,
)
from deeplab_tf.training.schedules import Step
from tests.models.narrow import narrow_model
from tests.training.fakes import LinearModel, caffe_sgd, value_of

# Rates of steps 0..4: 0.1, 0.1, 0.01, 0.01, 0.001.
SCHEDULE = Step(0.1, gamma=0.1, step_size=2)
RATES = [0.1, 0.1, 0.01, 0.01, 0.001]
GRADIENTS = np.random.default_rng(3).normal(size=(len(RATES), 3, 3)).astype(np.float32)


def train(
    optimizer, rate_multipliers=(), decay_multipliers=(), weight_decay=0.0, steps=5, clip_norm=0.0
):
    """Feeds GRADIENTS (the bias gets the first row); returns values before and after."""
    model = LinearModel()
    names = model.variables_by_name()
    before = {name: value_of(variable) for name, variable in names.items()}
    trained = trained_variables(model, rate_multipliers, decay_multipliers)
    compat.create_slots(optimizer, [entry.variable for entry in trained])

    @tf.function
    def update(gradient):
        shares = {"fc8/kernel": gradient, "fc8/bias": gradient[0]}
        apply_updates(
            optimizer, [shares[e.name] for e in trained], trained, weight_decay, clip_norm
        )

    for gradient in GRADIENTS[:steps]:
        update(tf.constant(gradient))
    return before, {name: value_of(variable) for name, variable in names.items()}


def test_sgd_is_caffes_with_a_rate_that_changes():
    # Keras keeps the rate inside the momentum buffer as Caffe does, so that a drop of the rate
    # acts on new gradients only; the factor is inside it too.
    before, after = train(
        build_optimizer("SGD", "momentum=0.9", SCHEDULE),
        rate_multipliers=(("fc8/kernel", 10.0), ("fc8/bias", 20.0)),
        decay_multipliers=((".*/bias", 0.0),),
        weight_decay=0.05,
    )
    kernel = caffe_sgd(before["fc8/kernel"], GRADIENTS, RATES, 0.9, decay=0.05, multiplier=10)
    bias = caffe_sgd(before["fc8/bias"], GRADIENTS[:, 0], RATES, 0.9, multiplier=20)
    np.testing.assert_allclose(after["fc8/kernel"], kernel, rtol=1e-4)
    np.testing.assert_allclose(after["fc8/bias"], bias, rtol=1e-4)


@pytest.mark.parametrize("arguments", ["momentum=0.9", "momentum=0.9, nesterov=True", ""])
def test_small_updates_keep_their_digits(arguments):
    """At a rate of 1e-6 beside weights of about 1, which round them to 1e-7."""
    optimizer = build_optimizer("SGD", arguments, 1e-6)
    before, after = train(optimizer, rate_multipliers=(("fc8/kernel", 20.0),))
    plain_before, plain = train(build_optimizer("SGD", arguments, 2e-5))
    np.testing.assert_array_equal(before["fc8/kernel"], plain_before["fc8/kernel"])
    np.testing.assert_allclose(after["fc8/kernel"], plain["fc8/kernel"], rtol=0, atol=3e-7)


@pytest.mark.parametrize(
    "arguments", ["momentum=0.9, clipnorm=0.5", "momentum=0.9, weight_decay=0.1"]
)
def test_what_is_not_linear_is_scaled_behind(arguments):
    """A factor on gradients that are clipped afterwards would be lost."""
    once = train(build_optimizer("SGD", arguments, 0.1), steps=1)
    thrice = train(
        build_optimizer("SGD", arguments, 0.1), rate_multipliers=(("fc8/.*", 3.0),), steps=1
    )
    for name in ("fc8/kernel", "fc8/bias"):
        steps = [after[name] - before[name] for before, after in (once, thrice)]
        np.testing.assert_allclose(steps[1], 3 * steps[0], rtol=1e-4)


def test_rate_outside_the_buffer_would_be_seen():
    # PyTorch's SGD, whose buffer holds gradients: the numbers above tell the two apart.
    weights, buffer = 0.0, 0.0
    for gradient, rate in zip(GRADIENTS, RATES, strict=True):
        buffer = 0.9 * buffer + gradient
        weights = weights - rate * buffer
    caffe = caffe_sgd(np.zeros((3, 3)), GRADIENTS, RATES, 0.9)
    assert np.abs(weights - caffe).max() > 0.01


def test_weight_decay_alone_is_lambda_times_the_weight():
    # Keras' l2(decay) would give twice that.
    before, after = train(build_optimizer("SGD", "", 0.1), weight_decay=0.05, steps=1)
    wanted = before["fc8/kernel"] - 0.1 * (GRADIENTS[0] + 0.05 * before["fc8/kernel"])
    np.testing.assert_allclose(after["fc8/kernel"], wanted, rtol=1e-5)


@pytest.mark.parametrize("clip_norm", [0.5, 100.0])
def test_clipping_cuts_all_gradients_together_and_leaves_decay_alone(clip_norm):
    before, after = train(
        build_optimizer("SGD", "", 0.1), weight_decay=0.05, steps=1, clip_norm=clip_norm
    )
    length = np.sqrt((GRADIENTS[0] ** 2).sum() + (GRADIENTS[0, 0] ** 2).sum())
    factor = min(1.0, clip_norm / length)
    assert (factor < 1) == (clip_norm < 1)
    for name, gradient in {"fc8/kernel": GRADIENTS[0], "fc8/bias": GRADIENTS[0, 0]}.items():
        wanted = before[name] - 0.1 * (factor * gradient + 0.05 * before[name])
        np.testing.assert_allclose(after[name], wanted, rtol=1e-5, atol=1e-7)


def test_gradients_of_zero_are_not_cut():
    optimizer = build_optimizer("SGD", "", 0.1)
    model = LinearModel()
    trained = trained_variables(model, ())
    before = value_of(model.kernel)
    compat.create_slots(optimizer, [entry.variable for entry in trained])
    zeros = [tf.zeros(entry.variable.shape) for entry in trained]
    apply_updates(optimizer, zeros, trained, 0.0, clip_norm=1.0)
    np.testing.assert_array_equal(value_of(model.kernel), before)


def test_multiplier_scales_adams_update():
    before, after = train(build_optimizer("Adam", "", SCHEDULE), (("fc8/kernel", 0.25),))
    # Kingma & Ba 2015, end of section 2, epsilon as in Keras.
    m = v = np.zeros((3, 3))
    changes = []
    for t, (g, rate) in enumerate(zip(GRADIENTS, RATES, strict=True), 1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        changes.append(rate * np.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m / (np.sqrt(v) + 1e-7))
    total = np.sum(changes, axis=0)
    np.testing.assert_allclose(before["fc8/kernel"] - after["fc8/kernel"], total / 4, atol=1e-5)
    np.testing.assert_allclose(before["fc8/bias"] - after["fc8/bias"], total[0], atol=1e-5)


def test_frozen_variable_stays_and_has_no_entry():
    before, after = train(
        build_optimizer("SGD", "momentum=0.9", 0.1), (("fc8/bias", 0.0),), weight_decay=0.1
    )
    np.testing.assert_array_equal(after["fc8/bias"], before["fc8/bias"])
    assert np.abs(after["fc8/kernel"] - before["fc8/kernel"]).min() > 0


def test_first_matching_pattern_decides_on_the_whole_name():
    entries = trained_variables(
        LinearModel(), (("fc8/bias", 20.0), ("fc8.*", 10.0)), ((".*bias", 0.0),)
    )
    found = [(e.name, e.rate_multiplier, e.decay_multiplier) for e in entries]
    assert found == [("fc8/kernel", 10.0, 1.0), ("fc8/bias", 20.0, 0.0)]
    assert all(isinstance(entry.variable, tf.Variable) for entry in entries)


@pytest.mark.parametrize("pattern", ["fc9/.*", "fc8", "kernel"])
def test_pattern_without_a_variable_is_an_error(pattern):
    with pytest.raises(ValueError, match=rf"'{pattern}'.*fc8/kernel, fc8/bias"):
        trained_variables(LinearModel(), ((pattern, 2.0),))
    with pytest.raises(ValueError, match=rf"'{pattern}'"):
        trained_variables(LinearModel(), (), ((pattern, 2.0),))


def test_everything_frozen_is_an_error():
    with pytest.raises(ValueError, match="All variables are frozen"):
        trained_variables(LinearModel(), ((".*", 0),))


# === optimizer_args ===


def test_arguments_reach_the_optimizer():
    optimizer = build_optimizer("SGD", "momentum=0.5, nesterov=True", 0.1)
    assert (optimizer.momentum, optimizer.nesterov) == (0.5, True)
    assert build_optimizer("Adam", " ", 0.1).get_config()["beta_1"] == pytest.approx(0.9)


@pytest.mark.parametrize(
    "arguments",
    ["0.9", "momentum=", "momentum", "momentum=print()", "momentum=0.9) + (1", "**{'momentum': 1}",
     "momntum=0.9", "learning_rate=1.0", "momentum=7.0"],
)  # fmt: skip
def test_wrong_arguments_are_an_error_that_quotes_them(arguments):
    with pytest.raises(ValueError) as error:
        build_optimizer("SGD", arguments, 0.1)
    assert f"train.optimizer_args={arguments!r}" in str(error.value)
    assert "train.optimizer='SGD'" in str(error.value)


def test_addons_optimizer_on_legacy_or_an_error_that_names_the_extra():
    arguments = ("Addons>SGDW", "weight_decay=0.01, momentum=0.9", 0.1)
    if compat.KERAS_3:
        with pytest.raises(ValueError, match=r"'deeplab_tf\[legacy\]'"):
            build_optimizer(*arguments)
        return
    before, after = train(build_optimizer(*arguments), (("fc8/kernel", 10.0),), steps=1)
    # Loshchilov & Hutter 2019: decay beside the gradient, not times the rate in this package.
    for name, gradient, factor in (
        ("fc8/kernel", GRADIENTS[0], 10),
        ("fc8/bias", GRADIENTS[0, 0], 1),
    ):
        wanted = before[name] - factor * (0.01 * before[name] + 0.1 * gradient)
        np.testing.assert_allclose(after[name], wanted, rtol=1e-4, atol=1e-6)


def test_schedule_stays_part_of_the_optimizer():
    optimizer = build_optimizer("SGD", "", SCHEDULE)
    again = keras.optimizers.get(
        {"class_name": "SGD", "config": optimizer.get_config()}
    ).get_config()
    assert again["learning_rate"]["config"] == SCHEDULE.get_config()


# === Rates that fall towards the image ===


@pytest.mark.parametrize(
    ("backbone", "head", "ends"),
    [("vgg16", "large_fov", ("conv1_1/kernel", "conv5_3/bias")),
     ("resnet50", "fc", ("conv1/kernel", "bn5c_branch2c/moving_variance")),
     ("mobilenet_v2", "v3plus", ("Conv1/kernel", "block_16_project_norm/moving_variance"))],
)  # fmt: skip
def test_a_layer_has_a_share_of_the_rate_of_the_next(backbone, head, ends):
    model = narrow_model(backbone, head, width=0.05)
    factors = layer_factors(model, 0.5)
    inside = [name for name in model.variables_by_name() if name in factors]
    assert (inside[0], inside[-1]) == ends
    kernels = [factors[name] for name in inside if name.endswith("/kernel")]
    np.testing.assert_allclose(kernels, 0.5 ** np.arange(len(kernels), 0, -1))


def test_it_is_a_factor_on_the_multipliers():
    model = narrow_model(width=0.05)
    plain = {e.name: e.rate_multiplier for e in trained_variables(model, (("conv.*", 2.0),))}
    found = trained_variables(model, (("conv.*", 2.0),), layer_decay=0.9)
    factors = layer_factors(model, 0.9)
    assert {e.name: e.rate_multiplier for e in found} == pytest.approx(
        {name: value * factors.get(name, 1.0) for name, value in plain.items()}
    )
    assert factors["conv1_1/kernel"] == factors["conv1_1/bias"] < factors["conv1_2/kernel"]
    assert not any(name.startswith("fc8") for name in factors) and layer_factors(model, 1.0) == {}


# === Decoupled weight decay ===


def decoupled(optimizer, arguments, strategy=None):
    """Takes a step without gradients; returns the factors on kernel and bias."""
    with (strategy or tf.distribute.get_strategy()).scope():
        model = LinearModel()
        trained = trained_variables(model, (("fc8/kernel", 10.0),), ((".*/bias", 0.0),))
        optimizer = build_optimizer(optimizer, arguments, Step(0.5, 0.1, 100))
        exclude_from_decay(optimizer, trained)
        compat.create_slots(optimizer, [entry.variable for entry in trained])
    before = {n: value_of(v) for n, v in model.variables_by_name().items()}
    zeros = [tf.zeros(entry.variable.shape) for entry in trained]
    (strategy or tf.distribute.get_strategy()).run(
        tf.function(lambda: apply_updates(optimizer, zeros, trained, weight_decay=0.0))
    )
    return [value_of(v) / before[n] for n, v in model.variables_by_name().items()]


@pytest.mark.parametrize("strategy", [None, "mirrored"])
@pytest.mark.parametrize(
    ("optimizer", "arguments"), [("AdamW", "weight_decay=0.01"), ("SGD", "weight_decay=0.01")]
)
def test_decay_of_the_optimizers_own_follows_both_multipliers(optimizer, arguments, strategy):
    strategy = strategy and tf.distribute.MirroredStrategy(["CPU:0"])
    kernel, bias = decoupled(optimizer, arguments, strategy)
    np.testing.assert_allclose(kernel, 1 - 10 * 0.5 * 0.01, rtol=1e-5)
    np.testing.assert_array_equal(bias, 1)
