"""Takes one step on so many logical CPUs and prints losses and changes as JSON.

    python -m tests.training.replicas 4

A program, not a test: TensorFlow's devices can only be split before it is used, and its groups of
devices have one size a process.
"""

import json
import sys

import keras
import numpy as np
import tensorflow as tf

from deeplab_tf import compat
from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.training.losses import parse_loss
from deeplab_tf.training.optimizers import build_optimizer, trained_variables
from deeplab_tf.training.step import build_step
from deeplab_tf.training.strategies import build_strategy
from tests.training.fakes import VOID, random_batch, value_of

# All kinds at once; what one of them did wrong would show.
LOSSES = "cross_entropy + dice + 2*lovasz + ohem(share=0.3)"
# The last layer, whose gradient has passed dropout, and one in front of all others.
WATCHED = ("fc8/kernel", "fc8/bias", "conv5_3/kernel")


def four_images():
    """Each with another share of void, the third with nothing else."""
    batch = random_batch(iter_size=1, batch=4, size=17)
    batch["images"] = np.abs(batch["images"]) * 100
    batch["labels"][0, 1, :9] = VOID
    batch["labels"][0, 2] = VOID
    return batch


def take_step(strategy, batches, normalize, loss="cross_entropy"):
    """Trains once; `batches` holds one element a replica, as the pipeline delivers them."""
    with strategy.scope():
        keras.utils.set_random_seed(7)
        model = DeepLab(num_classes=3, width=0.1)
        rng = np.random.default_rng(7)
        for variable in model.variables_by_name().values():
            # Mostly above zero, so that hardly a unit is dead.
            variable.assign(rng.normal(0.3, 1.0, variable.shape) / np.prod(variable.shape[:-1]))
        before = read(model)
        trained = trained_variables(model, (("fc8/kernel", 10.0), (".*/bias", 2.0)))
        optimizer = build_optimizer("SGD", "momentum=0.9", 1e-2)
        compat.create_slots(optimizer, [entry.variable for entry in trained])
    step = build_step(model, optimizer, trained, strategy, 5e-4, parse_loss(loss), VOID, normalize)
    stacked = {name: np.stack([b[name] for b in batches]) for name in batches[0]}
    elements = strategy.distribute_datasets_from_function(
        lambda context: tf.data.Dataset.from_tensor_slices(stacked)
    )
    results = {name: float(value) for name, value in step(next(iter(elements))).items()}
    after = read(model)
    changes = {name: (after[name] - before[name]).ravel().tolist() for name in WATCHED}
    return {**results, "changes": changes}


def read(model):
    variables = model.variables_by_name()
    return {name: value_of(variables[name]) for name in WATCHED}


def split(batch, count):
    return [
        {name: np.split(value, count, axis=1)[i] for name, value in batch.items()}
        for i in range(count)
    ]


def divide(batch, replicas):
    """One image at a time: micro-batch i of replica r has image `i * replicas + r`."""
    return [
        {name: np.moveaxis(value[:, r::replicas], 1, 0) for name, value in batch.items()}
        for r in range(replicas)
    ]


def main(count: int):
    build_strategy("one", logical_devices=count)
    names = [device.name for device in tf.config.list_logical_devices("CPU")]
    batch = four_images()
    strategy = tf.distribute.MirroredStrategy(names)
    results = {"valid": take_step(strategy, split(batch, count), "valid")}
    if count == 1:
        results["caffe"] = take_step(strategy, divide(batch, 1), "caffe")
        results["losses"] = take_step(strategy, [batch], "valid", LOSSES)
    if count == 2:
        results["losses"] = take_step(strategy, divide(batch, 2), "valid", LOSSES)
    if count == 4:
        results["caffe"] = take_step(strategy, split(batch, 4), "caffe")
    built = {n: build_strategy(n).num_replicas_in_sync for n in ("auto", "mirrored", "one")}
    pixels = int((batch["labels"][:, :, ::8, ::8] != VOID).sum())
    print(json.dumps({**results, "strategies": built, "valid_pixels": pixels}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
