"""A run that was trained on after its model.keras was written."""

import json
import warnings

import numpy as np
import pytest
import tensorflow as tf

import deeplab_tf
from deeplab_tf.models.loading import load_model
from deeplab_tf.models.model_step import newer_checkpoint, record_step
from tests.tools.loading import call
from tests.training.runs import small_config, trainer

pytestmark = pytest.mark.usefixtures("shallow_vgg")


def checkpoint(folder, step):
    """A checkpoint of one variable, which is whole."""
    (folder / "checkpoints").mkdir(exist_ok=True)
    tf.train.Checkpoint(step=tf.Variable(step)).write(str(folder / f"checkpoints/ckpt-{step}"))


def run(folder, model_step=None, config_steps=None, checkpoints=()):
    (folder / "model.keras").touch()
    if model_step is not None:
        record_step(folder, model_step)
    if config_steps is not None:
        (folder / "config.json").write_text(json.dumps({"train": {"steps": config_steps}}))
    for step in checkpoints:
        checkpoint(folder, step)
    return newer_checkpoint(folder)


def test_the_end_of_a_run_is_its_model(tmp_path):
    assert run(tmp_path, 10, 10, (5, 10)) is None


def test_a_later_checkpoint_is_newer(tmp_path):
    assert run(tmp_path, 10, 30, (10, 20)) == (20, 10)


def test_a_broken_later_checkpoint_is_not(tmp_path):
    run(tmp_path, 10, 30, (10, 20))
    (tmp_path / "checkpoints/ckpt-20.data-00000-of-00001").write_bytes(b"")
    assert newer_checkpoint(tmp_path) is None


def test_checkpoints_that_are_all_broken_are_not(tmp_path):
    run(tmp_path, 10, 30, (20,))
    (tmp_path / "checkpoints/ckpt-20.index").unlink()
    assert newer_checkpoint(tmp_path) is None


@pytest.mark.parametrize(("steps", "expected"), [(20, None), (30, (20, None))])
def test_a_run_of_an_earlier_version_is_known_by_its_steps(tmp_path, steps, expected):
    assert run(tmp_path, None, steps, (10, 20)) == expected


def test_without_a_model_or_checkpoints_nothing_is_newer(tmp_path):
    assert newer_checkpoint(tmp_path) is None
    assert run(tmp_path, 10, 30) is None


class KilledError(Exception):
    pass


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of other packages
def test_what_was_trained_on_is_what_is_opened(tmp_path):
    """Two steps to the end, then on to the fourth of six, where it is killed."""
    trainer(tmp_path, small_config(steps=2, checkpoint_every=2)).run()
    first = load_model(tmp_path / "model.keras")

    def kill(model):
        raise KilledError

    with pytest.raises(KilledError):
        config = small_config(steps=6, checkpoint_every=2, eval_every=5, learning_rate=1e-2)
        trainer(tmp_path, config).run(kill)
    text = "model.keras is of step 2, but the run was trained on to step 4"
    with pytest.warns(UserWarning, match=f"{text}, whose checkpoint is opened"):
        opened = deeplab_tf.load(tmp_path)
    differences = [
        np.abs(a.numpy() - b.numpy()).max()
        for a, b in zip(opened.trainable_variables, first.trainable_variables, strict=True)
    ]
    assert max(differences) > 0
    with pytest.warns(UserWarning, match=text):
        load_model(tmp_path / "model.keras")
    with pytest.raises(ValueError, match=f"{text}. Run tools/train.py to the end"):
        call("evaluate.py", f"--workdir={tmp_path}", "--data_dir=synthetic", "--limit=1")
    trainer(tmp_path, small_config(steps=6, checkpoint_every=2)).run()
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        deeplab_tf.load(tmp_path)
