"""A step with every config, narrow and shallow; the input and the files of runs are elsewhere."""

import functools
import json
import tempfile
from pathlib import Path
from unittest import mock

import ml_collections
import numpy as np
import pytest

from deeplab_tf.data.synthetic import SyntheticSplit
from deeplab_tf.training import phase_training
from deeplab_tf.training.loop import Trainer
from deeplab_tf.training.run_batches import distributed_batches
from deeplab_tf.training.workdir import Workdir
from tests.zoo.loading import NAMES, load_config

pytestmark = pytest.mark.usefixtures("shallow", "shallow_vgg", "eager_file")


def shrink(config):
    """The same network and training, small enough for a test."""
    config.model.update(width=0.02, weights="random")
    config.data.update(augmentation="crop(33)|mirror", train_split="train")
    # Neither the CRF nor what comes later, such as how the rate falls, matters to the first step.
    config.train.update(
        steps=1, batch_size=2, iter_size=1, policy="poly", phases=(), warmup_steps=0
    )
    config.crf = load_config("quickstart").crf
    return config


@pytest.fixture(scope="module", autouse=True)
def _around_the_step():
    """All take the same crops, which are drawn once, and leave no files of networks."""
    batches = []

    def drawn_once(*arguments):
        batches[:] = batches or [next(distributed_batches(*arguments))]
        return iter(batches)

    with (
        mock.patch.object(phase_training, "distributed_batches", drawn_once),
        mock.patch.multiple(Workdir, save_model=mock.DEFAULT, save_last=mock.DEFAULT),
    ):
        yield


@functools.cache
def logged_losses(config_text):
    """Trains one step; configs that are equal once they are small train together."""
    with tempfile.TemporaryDirectory() as workdir:
        config = ml_collections.ConfigDict(json.loads(config_text))
        Trainer(config, SyntheticSplit("train", 2), workdir, log=lambda line: None).run()
        lines = Path(workdir, "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["loss"] for line in lines]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_first_step_has_a_finite_loss(name):
    config = shrink(load_config(name))
    losses = logged_losses(json.dumps(config.to_dict(), sort_keys=True))
    assert len(losses) == 1 and np.isfinite(losses[0]) and losses[0] > 0
