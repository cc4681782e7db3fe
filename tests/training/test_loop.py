import json
import shutil
import warnings

import keras
import numpy as np
import pytest

from deeplab_tf.data.synthetic import SyntheticSplit
from deeplab_tf.training import loop
from deeplab_tf.training.loop import Trainer
from deeplab_tf.training.run_batches import build_augmentation, distributed_batches
from tests.training.fakes import value_of
from tests.training.runs import (
    SPLIT,
    KilledError,
    checkpointed,
    metrics,
    replace_steps,
    small_config,
    trainer,
    weights,
)
from tests.weights.fakes import random_array, write_classic

pytestmark = pytest.mark.usefixtures("shallow_vgg")


@pytest.fixture
def losses(monkeypatch):
    """What the steps return in place of training; 1 once the list is empty."""
    numbers = []
    replace_steps(monkeypatch, numbers)
    return numbers


# === Resuming ===


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
        "log": logged, "whole": metrics(whole), "broken": metrics(broken),
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
    assert runs["log"][0] == "going on from the checkpoint of step 5"


@pytest.mark.slow
def test_logged_rate_is_the_one_that_the_step_used(runs):
    # Step 1 trains with the base rate, as Caffe's iteration 0.
    wanted = [1e-2 * (1 - t / 10) ** 0.9 for t in range(10)]
    rates = [line["learning_rate"] for line in runs["whole"]]
    np.testing.assert_allclose(rates, wanted, rtol=1e-5)


# === What the loop does around the steps ===


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of ten steps that train nothing: its folder, trainer, model and evaluated models."""
    folder, evaluated = tmp_path_factory.mktemp("finished"), []

    def evaluate(model):
        evaluated.append(model)
        return {"split": "val", "miou": len(evaluated) / 10}

    with pytest.MonkeyPatch.context() as monkeypatch:
        replace_steps(monkeypatch, [])
        run = trainer(folder)
        return folder, run, run.run(evaluate), evaluated


@pytest.fixture
def copied(finished, tmp_path):
    """The folder of the run above, to be changed."""
    return shutil.copytree(finished[0], tmp_path / "run")


def test_evaluation_comes_every_few_steps_and_at_the_end(finished):
    folder, run, _, evaluated = finished
    found = [(line["step"], line["miou"]) for line in metrics(folder) if "miou" in line]
    assert found == [(4, 0.1), (8, 0.2), (10, 0.3)]
    assert all(model is run.model for model in evaluated)


def test_model_file_holds_the_trained_network(finished):
    folder, _, model, _ = finished
    loaded = keras.models.load_model(folder / "model.keras")
    for name, value in weights(model).items():
        np.testing.assert_array_equal(value_of(loaded.variables_by_name()[name]), value)
    assert loaded.spec == SPLIT.spec
    assert not list(folder.glob("*partial*"))


def test_lines_and_checkpoints_come_every_few_steps_and_at_the_end(tmp_path, losses):
    losses += [1.0, 2.0, 6.0, 4.0, 6.0, 8.0, 1.0, 2.0]
    trainer(
        tmp_path, small_config(steps=8, log_every=3, checkpoint_every=3, keep_checkpoints=9)
    ).run()
    found = [(line["step"], line["loss"]) for line in metrics(tmp_path)]
    assert found == [(3, 3.0), (6, 6.0), (8, 1.5)]  # the mean since the line before
    assert checkpointed(tmp_path) == {3, 6, 8}


def test_loss_and_augmentation_are_logged_before_the_first_step_and_stored(tmp_path, losses):
    logged, config = [], small_config(steps=1, loss="1*dice+focal(gamma=1)")
    config.data.augmentation, config.data.image_scale = "scale(0.5|1)|crop(17)|mirror", 0.75
    trainer(tmp_path, config, logged).run()
    assert "loss: dice + focal(gamma=1)" in logged
    assert json.loads((tmp_path / "config.json").read_text())["train"]["loss"] == config.train.loss
    place = logged.index("augmentation: scale(0.5|1)|crop(17)|mirror of images at scale 0.75")
    assert [line.startswith("step ") for line in logged[place + 1 :]] == [True]
    stored = json.loads((tmp_path / "config.json").read_text())["data"]
    assert stored["augmentation"] == "scale(0.5|1)|crop(17)|mirror"
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.image_scale == stored["image_scale"] == 0.75


@pytest.mark.slow
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
    values = run._training.state.optimizer.get_config()
    assert (values["momentum"], values["nesterov"]) == (0.8, True)


@pytest.mark.slow
def test_the_cache_changes_no_batch(finished):
    run, found = finished[1], []
    augmentation = build_augmentation(run.config, run.model)
    for cache in (True, False):
        run.config.data.cache = cache
        batches = distributed_batches(
            run.config, SPLIT, augmentation, run.model.mean_rgb, run.strategy, 0, 0
        )
        found.append([next(batches)["images"].numpy() for _ in range(6)])
    np.testing.assert_array_equal(*found)


def test_what_a_kill_left_half_written_is_removed(copied, losses):
    left = [copied / f".{'0' * 12}.part", copied / f"checkpoints/.{'f' * 12}.partial.keras"]
    others = [copied / ".part", copied / ".notes.part", copied / f".{'0' * 12}.parts"]
    for file in (*left, *others):
        file.write_bytes(b"half")
    trainer(copied).run()
    assert not any(file.exists() for file in left) and all(file.exists() for file in others)


def test_a_finished_run_is_recognized_and_trains_no_more(copied, losses):
    logged, before = [], metrics(copied)
    trainer(copied, logged=logged).run()
    assert logged == ["going on from the checkpoint of step 10"]
    assert metrics(copied) == before


@pytest.mark.slow
@pytest.mark.parametrize("way", ["newest broken", "state file gone", "folder is a pattern"])
def test_damage_costs_the_steps_since_the_one_before_at_most(copied, losses, way):
    folder = copied.rename(copied.parent / "lr[0.01]") if "pattern" in way else copied
    checkpoints = folder / "checkpoints"
    if way == "newest broken":
        (checkpoints / "ckpt-10.data-00000-of-00001").write_bytes(b"half")
    if way == "state file gone":
        (checkpoints / "checkpoint").unlink()
    logged = []
    again = trainer(folder, logged=logged)
    step = 5 if way == "newest broken" else 10
    assert logged[-1] == f"going on from the checkpoint of step {step}"
    again.run()
    assert trained_steps(folder) == list(range(1, 11))
    assert checkpointed(folder) == {5, 10}


def trained_steps(folder):
    return [line["step"] for line in metrics(folder) if "loss" in line]


def test_where_no_checkpoint_can_be_read_the_run_is_left_as_it_is(copied):
    for file in (copied / "checkpoints").glob("*.data*"):
        file.write_bytes(b"half")
    before = metrics(copied)
    with pytest.raises(ValueError, match="No checkpoint can be read"):
        trainer(copied)
    assert metrics(copied) == before


def test_loss_that_is_no_number_stops_the_run(tmp_path, losses):
    losses += [1.0, 1.0, float("nan")]
    with pytest.raises(FloatingPointError, match=r"in step 3, whose images are .*learning_rate"):
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


def test_other_model_in_the_workdir_is_refused(copied):
    other = small_config()
    other.model.fc6_rate = 6
    with pytest.raises(ValueError, match=r"model\.fc6_rate: 12 -> 6"):
        trainer(copied, other)


def test_a_split_without_labels_is_refused(tmp_path):
    split = SyntheticSplit("train", 1)
    split.labelled = False
    with pytest.raises(ValueError, match="'train' of 'synthetic' has no labels"):
        Trainer(small_config(), split, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_old_name_of_the_log_works_with_a_warning(tmp_path, losses):
    logged = []
    with warnings.catch_warnings(record=True) as caught:  # other packages warn of other things
        warnings.simplefilter("always")
        run = Trainer(small_config(steps=1), SPLIT, tmp_path, say=logged.append)
    (warning,) = [w for w in caught if "Trainer(say=) is called Trainer(log=)" in str(w.message)]
    assert warning.category is DeprecationWarning and warning.filename == __file__
    assert run.log == logged.append and logged


def test_a_worker_that_left_before_the_end_was_heard_of_costs_nothing(
    tmp_path, losses, monkeypatch
):
    def lose_one(*_):
        raise ConnectionError("worker 1 stopped")

    run = trainer(tmp_path, small_config(steps=1))
    monkeypatch.setattr(loop, "gather", lose_one)
    assert run.run() is run.model and (tmp_path / "model.keras").exists()


def test_nothing_periodic_happens_where_it_is_off(tmp_path, losses):
    logged, seen = [], []
    config = small_config(steps=3, log_every=0, checkpoint_every=0, eval_every=0)
    trainer(tmp_path, config, logged).run(seen.append)
    assert [line["step"] for line in metrics(tmp_path)] == [3] and seen == []
    assert checkpointed(tmp_path) == {3} and (tmp_path / "model.keras").exists()


def test_weights_that_cannot_be_read_leave_no_folder(tmp_path):
    config = small_config()
    config.model.weights = str(tmp_path / "none.keras")
    with pytest.raises(ValueError, match=r"none\.keras"):
        trainer(tmp_path / "run", config)
    assert not (tmp_path / "run").exists()


def test_compatibility_for_other_classes_is_refused_before_training(tmp_path):
    config = small_config()
    with config.ignore_type():
        config.crf.compatibility = (1.0, 2.0)
    with pytest.raises(ValueError, match="compatibility is for 2 classes, but the logits have 5"):
        trainer(tmp_path / "run", config)
