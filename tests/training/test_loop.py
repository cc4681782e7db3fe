import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.data.synthetic import SyntheticSplit
from deeplab_tf.training.loop import Trainer
from tests.training.fakes import value_of
from tests.training.runs import (
    SPLIT,
    checkpointed,
    metrics,
    replace_steps,
    small_config,
    trainer,
    weights,
)
from tests.weights.fakes import random_array, write_classic


@pytest.fixture
def losses(monkeypatch):
    """What the steps return in place of training; 1 once the list is empty."""
    numbers = []
    replace_steps(monkeypatch, numbers)
    return numbers


# === Resuming ===


class KilledError(Exception):
    pass


def kill(model):
    raise KilledError


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Ten steps at once, and ten that were killed after 7 with a checkpoint of 5."""
    whole, broken = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("broken")
    keras.utils.set_random_seed(1)
    # Frozen variables have to survive too.
    frozen = (("conv1_.*", 0.0),)
    config = small_config(learning_rate=1e-2, eval_every=7, rate_multipliers=frozen)
    first = trainer(whole, config)
    start = weights(first.model)
    full = weights(first.run())
    keras.utils.set_random_seed(1)
    with pytest.raises(KilledError):
        trainer(broken, config).run(kill)
    logged = []
    again = trainer(broken, config, logged)
    resumed_start = weights(again.model)
    return {
        "start": start, "full": full, "middle": resumed_start, "resumed": weights(again.run()),
        "said": logged, "whole": metrics(whole), "broken": metrics(broken),
    }  # fmt: skip


@pytest.mark.slow
def test_resumed_run_ends_with_the_same_bits(runs):
    for name, value in runs["full"].items():
        np.testing.assert_array_equal(runs["resumed"][name], value, err_msg=name)
    # Without movement on both sides of the break the comparison would say nothing.
    for name in ("fc8/kernel", "conv2_1/kernel"):
        assert np.abs(runs["middle"][name] - runs["start"][name]).max() > 0
        assert np.abs(runs["full"][name] - runs["middle"][name]).max() > 0


@pytest.mark.slow
def test_resumed_run_has_every_line_once(runs):
    def without_speed(lines):
        return [{k: v for k, v in line.items() if k != "images_per_second"} for line in lines]

    assert [line["step"] for line in runs["whole"]] == list(range(1, 11))
    assert without_speed(runs["broken"]) == without_speed(runs["whole"])
    assert runs["said"][0] == "going on from the checkpoint of step 5"


@pytest.mark.slow
def test_logged_rate_is_the_one_that_the_step_used(runs):
    # Step 1 trains with the base rate, as Caffe's iteration 0.
    wanted = [1e-2 * (1 - t / 10) ** 0.9 for t in range(10)]
    rates = [line["learning_rate"] for line in runs["whole"]]
    np.testing.assert_allclose(rates, wanted, rtol=1e-5)


# === What the loop does around the steps ===


def test_lines_hold_the_mean_loss_since_the_last(tmp_path, losses):
    losses += [1.0, 2.0, 6.0, 4.0, 6.0]
    trainer(tmp_path, small_config(steps=5, log_every=3)).run()
    found = [(line["step"], line["loss"]) for line in metrics(tmp_path)]
    assert found == [(3, 3.0), (5, 5.0)]


def test_evaluation_comes_every_few_steps_and_at_the_end(tmp_path, losses):
    seen = []

    def evaluate(model):
        seen.append(model)
        return {"split": "val", "miou": len(seen) / 10}

    run = trainer(tmp_path)
    run.run(evaluate)
    found = [(line["step"], line["miou"]) for line in metrics(tmp_path) if "miou" in line]
    assert found == [(4, 0.1), (8, 0.2), (10, 0.3)]
    assert all(model is run.model for model in seen)


def test_checkpoints_come_every_few_steps_and_at_the_end(tmp_path, losses):
    trainer(tmp_path, small_config(steps=8, checkpoint_every=3, keep_checkpoints=9)).run()
    found = {int(p.stem.split("-")[1]) for p in (tmp_path / "checkpoints").glob("*.index")}
    assert found == {3, 6, 8}


def test_augmentation_is_said_before_the_first_step_and_stored(tmp_path, losses):
    logged, config = [], small_config(steps=1)
    config.data.augmentation, config.data.image_scale = "scale(0.5|1)|crop(17)|mirror", 0.75
    trainer(tmp_path, config, logged).run()
    place = logged.index("augmentation: scale(0.5|1)|crop(17)|mirror of images at scale 0.75")
    assert [line.startswith("step ") for line in logged[place + 1 :]] == [True]
    stored = json.loads((tmp_path / "config.json").read_text())["data"]
    assert stored["augmentation"] == "scale(0.5|1)|crop(17)|mirror"
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.image_scale == stored["image_scale"] == 0.75


def test_values_that_no_recipe_combines_reach_what_they_are_for(tmp_path):
    rng = np.random.default_rng(0)
    first = {"W": random_array(rng, 3, 3, 3, 3), "b": random_array(rng, 3)}
    write_classic(tmp_path / "vgg.h5", {"block1_conv1": first})
    config = small_config(
        steps=4, policy="step", gamma=0.5, step_size=2, learning_rate=0.01, normalize="caffe",
        iter_size=2, optimizer="SGD", optimizer_args="momentum=0.8, nesterov=True",
        rate_multipliers=(("conv1_1/.*", 0.0),),
    )  # fmt: skip
    config.model.weights = str(tmp_path / "vgg.h5")
    config.data.update(augmentation="scale(0.5..1.5)|crop(33)", cache=True)
    logged = []
    run = trainer(tmp_path / "run", config, logged)
    model = run.run()
    assert "weights from " in logged[0] and ": 2 tensors loaded" in logged[0]
    assert "augmentation: scale(0.5..1.5)|crop(33)" in logged
    np.testing.assert_array_equal(weights(model)["conv1_1/kernel"], first["W"])
    lines = metrics(tmp_path / "run")
    assert [line["learning_rate"] for line in lines] == pytest.approx([0.01, 0.01, 0.005, 0.005])
    assert all(np.isfinite(line["loss"]) for line in lines)
    values = run._optimizer.get_config()
    assert (values["momentum"], values["nesterov"]) == (0.8, True)


def test_the_cache_changes_no_batch(tmp_path):
    found = []
    for cache in (False, True):
        config = small_config()
        config.data.cache = cache
        run = trainer(tmp_path / str(cache), config)
        dataset = run._dataset(tf.distribute.InputContext())
        found.append([e["images"].numpy() for e in dataset.take(6)])
    np.testing.assert_array_equal(*found)


def test_finished_run_says_so_and_trains_no_more(tmp_path, losses):
    trainer(tmp_path).run()
    logged = []
    trainer(tmp_path, logged=logged).run()
    assert logged == ["going on from the checkpoint of step 10"]
    assert len(metrics(tmp_path)) == 10


@pytest.mark.parametrize("way", ["newest broken", "state file gone", "folder is a pattern"])
def test_damage_costs_the_steps_since_the_one_before_at_most(tmp_path, losses, way):
    folder = tmp_path / ("lr[0.01]" if way == "folder is a pattern" else "run")
    trainer(folder).run()
    checkpoints = folder / "checkpoints"
    if way == "newest broken":
        (checkpoints / "ckpt-10.data-00000-of-00001").write_bytes(b"half")
    if way == "state file gone":
        (checkpoints / "checkpoint").unlink()
    logged = []
    again = trainer(folder, logged=logged)
    step = 5 if way == "newest broken" else 10
    assert logged[-1] == f"going on from the checkpoint of step {step}"
    assert [line["step"] for line in metrics(folder)] == list(range(1, step + 1))
    again.run()
    assert [line["step"] for line in metrics(folder)] == list(range(1, 11))
    assert {path.name for path in checkpoints.glob("*.index")} == {"ckpt-5.index", "ckpt-10.index"}


def test_where_no_checkpoint_can_be_read_the_run_is_left_as_it_is(tmp_path, losses):
    trainer(tmp_path).run()
    for file in (tmp_path / "checkpoints").glob("*.data*"):
        file.write_bytes(b"half")
    logged = metrics(tmp_path)
    with pytest.raises(ValueError, match="No checkpoint can be read"):
        trainer(tmp_path)
    assert metrics(tmp_path) == logged


def test_model_file_holds_the_trained_network(tmp_path, losses):
    model = trainer(tmp_path).run()
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for name, value in weights(model).items():
        np.testing.assert_array_equal(value_of(loaded.variables_by_name()[name]), value)
    assert loaded.spec == SPLIT.spec
    assert not list(tmp_path.glob("*partial*"))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_loss_that_is_no_number_stops_the_run(tmp_path, losses, bad):
    losses += [1.0, 1.0, bad]
    with pytest.raises(FloatingPointError, match=r"between step 2 and step 4.*learning_rate"):
        trainer(tmp_path, small_config(log_every=2)).run()
    assert [line["step"] for line in metrics(tmp_path)] == [2]
    assert not (tmp_path / "model.keras").exists()


def test_broken_weights_are_not_saved(tmp_path, losses):
    losses += [1.0] * 4 + [float("nan")]
    with pytest.raises(FloatingPointError):
        # The checkpoint of step 5 comes before the next line of the log.
        trainer(tmp_path, small_config(log_every=10, checkpoint_every=5)).run()
    assert not list((tmp_path / "checkpoints").glob("*.index"))


# === Configurations that contradict themselves ===


@pytest.mark.parametrize(
    ("scales", "crop", "sizes"),
    [((1.0,), 320, r"multiple of 8 plus 1, such as crop\(313\) or crop\(321\)"),
     ((1.0, 0.75, 0.5), 313, r"multiple of 32 plus 1, such as crop\(289\) or crop\(321\)")],
)  # fmt: skip
def test_crop_that_does_not_fit_names_sizes_that_do(tmp_path, scales, crop, sizes):
    config = small_config()
    config.model.scales = scales
    config.data.augmentation = f"crop({crop})"
    with pytest.raises(
        ValueError, match=rf"data\.augmentation.*{sizes}\. Received: 'crop\({crop}\)"
    ):
        trainer(tmp_path, config)


def test_other_model_in_the_workdir_is_refused(tmp_path, losses):
    trainer(tmp_path)
    other = small_config()
    other.model.fc6_rate = 6
    with pytest.raises(ValueError, match=r"model\.fc6_rate: 12 -> 6"):
        trainer(tmp_path, other)


def test_a_split_without_labels_is_refused(tmp_path):
    split = SyntheticSplit("train", 1)
    split.labelled = False
    with pytest.raises(ValueError, match="'train' of 'synthetic' has no labels"):
        Trainer(small_config(), split, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_nothing_periodic_happens_where_it_is_off(tmp_path, losses):
    logged, seen = [], []
    config = small_config(steps=3, log_every=0, checkpoint_every=0, eval_every=0)
    trainer(tmp_path, config, logged).run(seen.append)
    assert [line["step"] for line in metrics(tmp_path)] == [3] and seen == []
    assert checkpointed(tmp_path) == {3} and (tmp_path / "model.keras").exists()


def test_compatibility_for_other_classes_is_refused_before_training(tmp_path):
    config = small_config()
    with config.ignore_type():
        config.crf.compatibility = (1.0, 2.0)
    with pytest.raises(ValueError, match="compatibility is for 2 classes, but the logits have 5"):
        trainer(tmp_path / "run", config)
