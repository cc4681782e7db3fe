import contextlib
import dataclasses
import json
import resource

import keras
import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf import compat
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.training.config import base_config
from deeplab_tf.training.workdir import Checkpoints, MetricsLog, Workdir

SPEC = DatasetSpec("toy", ("background", "thing"))


def config(**model):
    values = base_config("vgg16_large_fov")
    values.model.update(model)
    return values.to_dict()


def refusal(folder, config, spec=SPEC):
    with pytest.raises(ValueError) as error:
        Workdir(folder, config, spec)
    return str(error.value)


# === config.json and dataset.json ===


def test_configuration_and_data_set_are_written(tmp_path):
    folder = tmp_path / "new" / "run"
    Workdir(folder, config(width=0.25), SPEC).describe()
    written = json.loads((folder / "config.json").read_text())
    assert written["model"]["width"] == 0.25 and written["train"]["steps"] == 20000
    assert DatasetSpec.load(folder) == SPEC


def test_same_run_goes_on_and_may_train_differently(tmp_path):
    Workdir(tmp_path, config(), SPEC).describe()
    longer = config()
    longer["train"]["steps"] = 30000
    Workdir(tmp_path, longer, SPEC).describe()
    assert json.loads((tmp_path / "config.json").read_text())["train"]["steps"] == 30000


def test_other_model_is_refused_with_its_fields(tmp_path):
    Workdir(tmp_path, config(), SPEC).describe()
    message = refusal(tmp_path, config(width=0.5, scales=(1.0, 0.5)))
    assert "model.width: 1.0 -> 0.5" in message
    assert "model.scales: [1.0] -> [1.0, 0.5]" in message
    assert "model.head" not in message and "--workdir" in message
    assert json.loads((tmp_path / "config.json").read_text())["model"]["width"] == 1.0


def test_other_data_set_is_refused_with_its_fields(tmp_path):
    Workdir(tmp_path, config(), SPEC).describe()
    other = dataclasses.replace(SPEC, class_names=("background", "other"))
    message = refusal(tmp_path, config(), other)
    assert "dataset.class_names" in message and "dataset.name" not in message
    assert DatasetSpec.load(tmp_path) == SPEC


def test_other_crop_or_split_is_refused(tmp_path):
    Workdir(tmp_path, config(), SPEC).describe()
    other = config()
    other["data"]["crop_size"] = 65
    assert "data.crop_size: 321 -> 65" in refusal(tmp_path, other)


def test_what_changes_no_number_may_change(tmp_path):
    before = config()
    del before["data"]["cache"]  # a run of a version that had no cache
    Workdir(tmp_path, before, SPEC).describe()
    other = config()
    other["data"].update(cache=True, check=False)
    Workdir(tmp_path, other, SPEC).describe()
    assert json.loads((tmp_path / "config.json").read_text())["data"]["cache"] is True


# === Checkpoints ===


def checkpoints(folder, keep=2):
    """A model, a momentum optimizer and what saves both."""
    model = keras.Sequential([keras.layers.Dense(2)])
    model.build((None, 3))
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
    variables = [compat.tf_variable(v) for v in model.trainable_variables]
    compat.create_slots(optimizer, variables)
    named = {str(i): variable for i, variable in enumerate(variables)}
    return variables, optimizer, Checkpoints(folder, named, optimizer, keep)


def move(variables, optimizer):
    optimizer.apply_gradients([(tf.ones_like(v), v) for v in variables])


def test_empty_folder_starts_at_step_zero(tmp_path):
    _, _, saver = checkpoints(tmp_path)
    assert saver.restore() == 0


def test_newest_checkpoint_is_restored_with_the_momentum(tmp_path):
    variables, optimizer, saver = checkpoints(tmp_path)
    for step in (1, 2, 3):
        move(variables, optimizer)
        saver.save(step)
    again, other_optimizer, other = checkpoints(tmp_path)
    assert other.restore() == 3
    for new, old in zip(again, variables, strict=True):
        np.testing.assert_array_equal(new.numpy(), old.numpy())
    # Momentum and the count of steps are back if the next step is the same too.
    move(variables, optimizer)
    move(again, other_optimizer)
    for new, old in zip(again, variables, strict=True):
        np.testing.assert_array_equal(new.numpy(), old.numpy())


@pytest.mark.parametrize("keep", [1, 2])
def test_only_the_newest_are_kept(tmp_path, keep):
    *_, saver = checkpoints(tmp_path, keep)
    for step in (10, 20, 30):
        saver.save(step)
    found = {int(path.stem.split("-")[1]) for path in tmp_path.glob("*.index")}
    assert found == set([10, 20, 30][-keep:])


# === metrics.jsonl and TensorBoard ===


def lines(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_metrics_are_appended(tmp_path):
    log = MetricsLog(tmp_path)
    log.write(10, {"loss": 0.5})
    log.write(10, {"split": "val", "miou": 0.25, "per_class_iou": [0.5, None]})
    assert lines(tmp_path) == [
        {"step": 10, "loss": 0.5},
        {"step": 10, "split": "val", "miou": 0.25, "per_class_iou": [0.5, None]},
    ]


def test_resumed_run_drops_later_and_broken_lines(tmp_path):
    kept = ['{"step": 5, "loss": 1.0}', '{"step": 10, "loss": 0.5}']
    broken = ['{"step": 11, "loss": 0.4}', '["no", "dict"]', '{"loss": 3}', '{"step": 12, "lo']
    (tmp_path / "metrics.jsonl").write_text("\n".join(kept + broken))
    log = MetricsLog(tmp_path, first_step=10)
    log.write(11, {"loss": 0.25})
    assert lines(tmp_path) == [*map(json.loads, kept), {"step": 11, "loss": 0.25}]


def test_new_run_drops_the_lines_of_one_without_checkpoint(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 10, "loss": 0.5}\n')
    MetricsLog(tmp_path)
    assert lines(tmp_path) == []


def test_tensorboard_reads_the_numbers(tmp_path):
    log = MetricsLog(tmp_path)
    log.write(10, {"loss": 0.5, "note": "no number", "list": [1.0]})
    log.write(20, {"split": "val", "miou": 0.25})
    (file,) = tmp_path.glob("events.out.tfevents.*")
    found = {
        (event.step, value.tag): value.simple_value
        for event in tf.compat.v1.train.summary_iterator(str(file))
        for value in event.summary.value
    }
    assert found == {(10, "train/loss"): 0.5, (20, "val/miou"): 0.25}


# === A full disk ===


@contextlib.contextmanager
def small_files(size):
    """Lets no file grow beyond a size; what the system answers is an error as of a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(tmp_path):
    variables, optimizer, saver = checkpoints(tmp_path)
    saver.save(1)
    kept = {path.name for path in tmp_path.iterdir()}
    move(variables, optimizer)
    with pytest.raises(OSError, match="cannot be written") as error, small_files(20):
        saver.save(2)
    assert error.value.filename == str(tmp_path / "ckpt-2")
    assert {path.name for path in tmp_path.iterdir()} == kept
    *_, again = checkpoints(tmp_path)
    assert again.restore() == 1


def test_a_model_that_cannot_be_written_leaves_the_one_before(tmp_path):
    workdir = Workdir(tmp_path, config(), SPEC)
    workdir.model_file.write_bytes(b"before")
    model = keras.Sequential([keras.layers.Dense(200)])
    model.build((None, 300))
    with pytest.raises(OSError, match="cannot be written") as error, small_files(20_000):
        workdir.save_model(model)
    assert error.value.filename == str(workdir.model_file)
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]
    assert workdir.model_file.read_bytes() == b"before"


def test_a_log_that_cannot_be_written_is_named(tmp_path):
    log = MetricsLog(tmp_path)
    with pytest.raises(OSError, match="cannot be written") as error, small_files(100):
        log.write(1, {"text": "x" * 200})
    assert error.value.filename == str(tmp_path / "metrics.jsonl")
