"""What W&B and MLflow share, at the stand-in for W&B."""

import json
import sys

import pytest

from deeplab_tf.models.model_step import record_step
from tests.training.callbacks.short_runs import EVALUATION, callbacks_of, told_run
from tests.training.callbacks.stand_ins import build_wandb


@pytest.fixture
def wandb(monkeypatch):
    module = build_wandb()
    monkeypatch.setitem(sys.modules, "wandb", module)
    return module


def test_numbers_have_the_names_and_steps_of_tensorboard(wandb, tmp_path):
    callbacks = callbacks_of("wandb", tmp_path)
    callbacks.begin()
    callbacks.write(10, {"loss": 0.5, "learning_rate": 0.25})
    callbacks.write(10, {**EVALUATION, "split": "test"})
    callbacks.write(20, {"loss": float("inf"), "learning_rate": 0.125})
    (run,) = wandb.runs
    assert run.history == {
        10: {
            "train/loss": 0.5, "train/learning_rate": 0.25,
            "test/images": 3, "test/miou": 0.25, "test/iou/road": 0.5,
        },
        20: {"train/learning_rate": 0.125},
    }  # fmt: skip


def test_the_id_is_in_the_work_directory_and_the_run_goes_on(wandb, tmp_path):
    told_run("wandb", tmp_path)
    assert json.loads((tmp_path / "wandb_run.json").read_text()) == {"id": "new1"}
    told_run("wandb", tmp_path, first_step=8, last_step=12)
    assert [start["id"] for start in wandb.starts] == [None, "new1"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"id": 3}', b'{"id": ""}', b"\xff"])
def test_a_broken_id_is_named_and_left_alone(wandb, tmp_path, content):
    file = tmp_path / "wandb_run.json"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"wandb_run\.json: .* or delete it") as error:
        callbacks_of("wandb", tmp_path).begin()
    assert str(error.value).startswith(str(file)) and wandb.starts == []
    assert file.read_bytes() == content


def test_the_model_is_logged_at_the_end(wandb, tmp_path):
    (tmp_path / "model.keras").touch()
    record_step(tmp_path, 8)
    told_run("wandb", tmp_path)
    assert wandb.runs[0].summary == {"model": str(tmp_path / "model.keras")}


def test_paths_are_whole(wandb, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.keras").touch()
    told_run("wandb", ".")
    assert wandb.starts[0]["dir"] == str(tmp_path)
    assert wandb.runs[0].summary["model"] == str(tmp_path / "model.keras")


def test_no_model_is_logged_where_there_is_none(wandb, tmp_path):
    told_run("wandb", tmp_path)
    assert wandb.runs[0].summary == {} and wandb.runs[0].exit_code == 0


def test_a_model_of_an_earlier_end_is_not_logged(wandb, tmp_path, monkeypatch):
    (tmp_path / "model.keras").touch()
    monkeypatch.setattr(
        "deeplab_tf.training.callbacks.tracker.newer_checkpoint",
        lambda workdir: workdir == tmp_path,
    )
    told_run("wandb", tmp_path)
    assert wandb.runs[0].summary == {}


def test_a_run_that_fails_is_one_there_too(wandb, tmp_path):
    told_run("wandb", tmp_path, failed=True)
    assert wandb.runs[0].exit_code == 1
