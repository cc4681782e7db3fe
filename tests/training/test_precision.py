"""Runs in 16 bits: what is saved, what a restart keeps, and how far results are from float32."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import deeplab_tf
from deeplab_tf import precision
from deeplab_tf.data.synthetic import draw_scene
from deeplab_tf.precision import Precision
from deeplab_tf.training import loop
from tests.training.runs import checkpointed, metrics, small_config, trainer, weights

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("shallow_vgg")]

SIXTEEN_BITS = ("bfloat16", "float16")


def run(workdir, logged=None, evaluate=None, **train):
    keras.utils.set_random_seed(3)
    config = small_config(**{"eval_every": 0, **train})
    return trainer(workdir, config, logged).run(evaluate)


class KilledError(Exception):
    pass


def kill(model):
    raise KilledError


@pytest.fixture(scope="module", autouse=True)
def _eagerly():
    """Takes steps without tracing them, which costs far more; test_loss_scale.py has graphs."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Work folders of five steps by precision."""
    folders = {name: tmp_path_factory.mktemp(name) for name in ("float32", *SIXTEEN_BITS)}
    for name, folder in folders.items():
        model = run(folder, precision=name, learning_rate=1e-4, steps=5)
        assert model.backbone.compute_dtype == name
    return folders


@pytest.mark.parametrize("name", SIXTEEN_BITS)
def test_losses_are_near_those_of_float32(runs, name):
    """And not the same: something was computed with fewer digits."""
    found, wanted = ([line["loss"] for line in metrics(runs[p])] for p in (name, "float32"))
    np.testing.assert_allclose(found, wanted, rtol=0.02)
    assert found != wanted
    assert abs(wanted[-1] - wanted[0]) > 0.02


@pytest.mark.parametrize("name", SIXTEEN_BITS)
def test_the_file_is_float32_and_says_what_it_was_trained_in(runs, name):
    model = keras.models.load_model(runs[name] / "model.keras")
    assert {layer.compute_dtype for layer in (model, model.backbone, model.head)} == {"float32"}
    assert model.trained_precision == name
    assert json.loads((runs[name] / "config.json").read_text())["train"]["precision"] == name
    image = draw_scene("val", 0)[0]
    labels = [deeplab_tf.Predictor(model, precision=p)(image) for p in ("float32", name)]
    assert np.mean(labels[0] == labels[1]) > 0.9


def test_a_run_that_goes_on_ends_with_the_same_bits(tmp_path):
    train = {"precision": "float16", "steps": 4, "checkpoint_every": 2}
    whole = weights(run(tmp_path / "whole", **train))
    with pytest.raises(KilledError):
        run(tmp_path / "parts", evaluate=kill, eval_every=3, **train)
    unfinished = deeplab_tf.load(tmp_path / "parts")
    assert unfinished.trained_precision == "float16"
    assert unfinished.backbone.compute_dtype == "float32"
    parts = weights(run(tmp_path / "parts", **train))
    for key, value in whole.items():
        np.testing.assert_array_equal(parts[key], value, err_msg=key)


def test_a_run_may_change_its_precision(tmp_path):
    for steps, name in ((1, "float32"), (2, "float16"), (3, "bfloat16")):
        run(tmp_path, precision=name, steps=steps)
        assert max(checkpointed(tmp_path)) == steps


def test_auto_is_what_the_run_began_with(tmp_path, monkeypatch):
    logged = []
    monkeypatch.setattr(precision, "_fastest", lambda: Precision("bfloat16", "of a test"))
    run(tmp_path, logged, precision="auto", steps=1)
    assert "precision: bfloat16 (of a test)" in logged
    monkeypatch.setattr(precision, "_fastest", lambda: Precision("float32", "of another machine"))
    model = run(tmp_path, logged, precision="auto", steps=2)
    assert model.trained_precision == "bfloat16"
    assert logged.count("precision: bfloat16 (as the run began)") == 1


def test_workers_that_are_fast_in_different_ones_take_float32(tmp_path, monkeypatch):
    logged = []
    monkeypatch.setattr(precision, "_fastest", lambda: Precision("bfloat16", "of a test"))
    # Another worker has float32's number, wherever this one has that of a precision.
    monkeypatch.setattr(loop, "gather", lambda _, number: [number, 1] if number else [0])
    model = run(tmp_path, logged, precision="auto", steps=1)
    assert model.trained_precision == "float32"
    assert "precision: float32 (the workers are fast in different ones)" in logged
