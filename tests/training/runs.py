"""Short runs of a narrow network."""

import itertools
import json

import tensorflow as tf

from deeplab_tf.data.synthetic import SyntheticSplit
from deeplab_tf.training import phase_training
from deeplab_tf.training.config import base_config
from deeplab_tf.training.loop import Trainer
from tests.training.fakes import value_of

SPLIT = SyntheticSplit("train", 4)


class KilledError(Exception):
    """Stands for a kill: nothing that comes after it is done."""


def small_config(**train):
    config = base_config("vgg16_large_fov")
    config.model.width = 0.05
    config.data.augmentation = "crop(17)|mirror"
    config.train.update(steps=10, batch_size=2, log_every=1, checkpoint_every=5, eval_every=4)
    config.train.monitor = ""
    config.train.update(train)
    return config


def trainer(workdir, config=None, logged=None):
    logged = [] if logged is None else logged
    return Trainer(config or small_config(), SPLIT, workdir, log=logged.append)


def metrics(workdir):
    return [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]


def checkpointed(workdir):
    return {int(p.stem.split("-")[1]) for p in (workdir / "checkpoints").glob("*.index")}


def weights(model):
    return {name: value_of(v) for name, v in model.variables_by_name().items()}


def replace_steps(monkeypatch, losses):
    """Puts a step that only returns these numbers, taken out of the list, then 1, in place.

    It is given one grey batch again and again: no step looks at it, and to build the graph of the
    real ones is half of what such a run takes.
    """

    def build_step(*_):
        return lambda batch: step_results(losses.pop(0) if losses else 1.0)

    batches = itertools.repeat({"images": tf.fill([1, 2, 17, 17, 3], 128.0)})
    monkeypatch.setattr(phase_training, "build_step", build_step)
    monkeypatch.setattr(phase_training, "distributed_batches", lambda *_: batches)


def step_results(loss, largest_logit=2.0):
    return {"loss": tf.constant(loss), "largest_logit": tf.constant(largest_logit)}
