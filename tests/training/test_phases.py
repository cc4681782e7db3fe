import keras
import numpy as np
import pytest

from deeplab_tf.training.config import base_config
from deeplab_tf.training.config_ranges import check_config
from deeplab_tf.training.phases import parse_changes, phase_at, split_phases
from tests.training.runs import (
    KilledError,
    checkpointed,
    metrics,
    replace_steps,
    small_config,
    trainer,
    weights,
)


def phased(*phases, steps=10):
    config = base_config("vgg16_large_fov")
    config.train.update(steps=steps, phases=phases)
    check_config(config)
    return config


# === From the configuration to phases ===


def test_changes_last_until_another_phase_changes_them():
    phases = split_phases(
        phased((4, "train.gamma=0.5, model.output_stride=16"), (7, "train.gamma=1"))
    )
    assert [(phase.first_step, phase.last_step) for phase in phases] == [(0, 4), (4, 7), (7, 10)]
    found = [(phase.config.train.gamma, phase.config.model.output_stride) for phase in phases]
    assert found == [(0.1, 8), (0.5, 16), (1.0, 16)]


def test_texts_and_tuples_are_values_too():
    text = (
        "data.augmentation='scale(0.5|1)|crop(33)', model.scales=(1.0, 0.5), train.policy='fixed'"
    )
    assert parse_changes(text) == {
        ("data", "augmentation"): "scale(0.5|1)|crop(33)",
        ("model", "scales"): (1.0, 0.5),
        ("train", "policy"): "fixed",
    }


def test_a_step_belongs_to_the_phase_that_it_ends():
    phases = split_phases(phased((4, "train.gamma=0.5")))
    assert [phase_at(phases, step) for step in (0, 1, 4, 5, 10, 99)] == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize("starts", [(10,), (4, 4), (5, 4), (11,)])
def test_phases_that_are_empty_are_refused(starts):
    with pytest.raises(ValueError, match="rising steps above 0 and below the 10 of the run"):
        split_phases(phased(*((start, "train.gamma=1") for start in starts)))


def test_a_value_of_the_wrong_type_is_named():
    config = phased()
    config.train.phases = ((4, "train.batch_size='two'"),)
    with pytest.raises(ValueError, match=r"phases: train\.batch_size"):
        split_phases(config)


# === Runs ===

pytestmark = pytest.mark.usefixtures("shallow_vgg", "eager_file")
# The second phase trains other variables, at another stride and rate.
CHANGES = (
    "train.learning_rate=2e-3, train.policy='poly', train.power=1, model.output_stride=16, "
    "train.rate_multipliers=(('conv.*', 0.0),), data.augmentation='crop(33)'"
)


def two_phases(**train):
    return small_config(
        steps=6, learning_rate=1e-3, policy="fixed", checkpoint_every=2, eval_every=4,
        optimizer_args="momentum=0.9", phases=((4, CHANGES),), **train,
    )  # fmt: skip


def evaluate_after(kills):
    """Evaluates with the stride of the network; is killed so many times."""

    def evaluate(model):
        if kills:
            kills.pop()
            raise KilledError
        return {"split": "val", "stride": model.output_stride}

    return evaluate


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of two phases: its folder, what it logged, and its weights at the end."""
    folder, logged = tmp_path_factory.mktemp("whole"), []
    keras.utils.set_random_seed(1)
    run = trainer(folder, two_phases(), logged)
    first = run.model
    model = run.run(evaluate_after([]))
    assert model is run.model is not first
    return folder, logged, weights(model)


@pytest.mark.slow
def test_each_phase_has_its_own_network_rates_and_crops(whole):
    folder, logged, _ = whole
    lines = metrics(folder)
    rates = [line["learning_rate"] for line in lines if "loss" in line]
    np.testing.assert_allclose(rates, [1e-3] * 4 + [2e-3, 1e-3], rtol=1e-6)
    assert [line["stride"] for line in lines if "split" in line] == [8, 16]
    assert [line for line in logged if line.startswith("augmentation")] == [
        "augmentation: crop(17)|mirror", "augmentation: crop(33)"
    ]  # fmt: skip
    assert keras.models.load_model(folder / "model.keras").output_stride == 16


@pytest.mark.slow
def test_what_a_phase_freezes_stays_as_the_one_before_left_it(whole, tmp_path):
    keras.utils.set_random_seed(1)
    config = two_phases()
    config.train.update(steps=4, phases=())
    first = weights(trainer(tmp_path, config).run())
    for name, value in whole[2].items():
        assert np.array_equal(value, first[name]) == name.startswith("conv"), name


@pytest.mark.slow
@pytest.mark.parametrize("killed_after", ["phase", "checkpoint"])
def test_a_run_that_was_killed_ends_as_one_that_was_not(whole, tmp_path, killed_after):
    keras.utils.set_random_seed(1)
    config = two_phases()
    if killed_after == "phase":  # in the evaluation of the phase's last step
        with pytest.raises(KilledError):
            trainer(tmp_path, config).run(evaluate_after([1]))
    else:
        with pytest.raises(KilledError):
            trainer(tmp_path, config).run(kill_in_second_phase)
    resumed = trainer(tmp_path, config)
    assert resumed.model.output_stride == 8 if killed_after == "phase" else 16
    found = weights(resumed.run(evaluate_after([])))
    for name, value in whole[2].items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)

    def without_speed(folder):
        return [{k: v for k, v in m.items() if k != "images_per_second"} for m in metrics(folder)]

    assert without_speed(tmp_path) == without_speed(whole[0])


def kill_in_second_phase(model):
    if model.output_stride == 16:
        raise KilledError
    return {"split": "val", "stride": 8}


@pytest.mark.parametrize(
    ("changes", "message"),
    [("model.scales=(1.0, 0.75)", r"multiple of 32 plus 1.*Received: 'crop\(17\)"),
     ("train.rate_multipliers=(('none', 1.0),)", "No variable matches .*'none'"),
     ("train.optimizer='Adam'", "'Adam' does not take .*momentum=0.9"),
     ("train.batch_size=3, train.warmup_steps=7", "warmup_steps must be less than the steps")],
)  # fmt: skip
def test_a_later_phase_that_cannot_be_built_is_refused_at_the_start(tmp_path, changes, message):
    config = small_config(phases=((4, changes),))
    with pytest.raises(ValueError, match=rf"phases: the phase from step 4: .*{message}"):
        trainer(tmp_path, config)


def test_a_later_phase_with_other_variables_is_refused_at_the_start(tmp_path):
    config = small_config(phases=((4, "model.batch_norm='train', model.image_pooling='none'"),))
    config.model.update(backbone="mobilenet_v2", head="aspp_v3_1x1")
    config.train.update(rate_multipliers=(), decay_multipliers=())
    with pytest.raises(ValueError, match=r"from step 4: the network has other variables: .*pool"):
        trainer(tmp_path, config)
    assert not list(tmp_path.iterdir())


def test_the_best_network_of_an_earlier_phase_is_the_model_as_it_was(tmp_path, monkeypatch):
    replace_steps(monkeypatch, [])
    config = small_config(
        steps=4, eval_every=2, monitor="miou", phases=((2, "model.output_stride=16"),)
    )
    found = trainer(tmp_path, config).run(
        lambda model: {"split": "val", "miou": 1 / model.output_stride}
    )
    saved = {n: keras.models.load_model(tmp_path / f"{n}.keras") for n in ("model", "last")}
    assert found.output_stride == saved["model"].output_stride == 8
    assert saved["last"].output_stride == 16


def test_an_early_end_ends_all_phases(tmp_path, monkeypatch):
    replace_steps(monkeypatch, [])
    config = small_config(
        steps=6, eval_every=1, monitor="miou", patience=2, phases=((4, "train.gamma=1"),)
    )
    run = trainer(tmp_path, config)
    run.run(lambda model: {"split": "val", "miou": 0.5})
    assert [line["step"] for line in metrics(tmp_path) if "split" in line] == [1, 2, 3]
    assert max(checkpointed(tmp_path)) == 3
