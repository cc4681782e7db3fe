"""Takes one step on 1, 2 and 4 logical CPUs and prints losses and changes as JSON.

    python -m tests.training.replicas

A program, not a test: TensorFlow's devices can only be split before it is used, and its groups of
devices have one size a process.
"""

import json
import multiprocessing

import keras
import numpy as np
import tensorflow as tf

from deeplab_tf import compat
from deeplab_tf.layers.atrous_conv import AtrousConv2D
from deeplab_tf.layers.conv_norm_act import ConvNormAct
from deeplab_tf.layers.dropout import ExampleDropout
from deeplab_tf.training.loss_scale import LossScale
from deeplab_tf.training.losses import parse_loss
from deeplab_tf.training.optimizers import build_optimizer, trained_variables
from deeplab_tf.training.step import build_step
from deeplab_tf.training.strategies import build_strategy
from deeplab_tf.training.weight_average import WeightAverage
from tests.training.fakes import VOID, random_batch, value_of

# All kinds at once; what one of them did wrong would show.
LOSSES = "cross_entropy + dice + 2*lovasz + ohem(share=0.3)"
CLIP_NORM = 0.1
# The last layer, whose gradient has passed dropout, and one in front of all others.
WATCHED = ("fc8/kernel", "fc8/bias", "conv1/kernel")
SYNC_WATCHED = (
    "conv1_norm/gamma", "conv1_norm/moving_mean", "conv1_norm/moving_variance", "conv1/kernel",
    "conv2_norm/moving_variance", "fc8/kernel",
)  # fmt: skip


class SmallModel(keras.layers.Layer):
    """Stands for a DeepLab, which takes a minute to be traced for four devices."""

    logit_strides = (8,)
    batch_norm = "frozen"

    def __init__(self):
        super().__init__(name="small")
        self.conv = AtrousConv2D(8, 3, strides=8, name="conv1")
        self.dropout = ExampleDropout(0.5, name="drop1")
        self.classifier = AtrousConv2D(3, 1, name="fc8")
        self.conv.build((None, None, None, 3))
        self.classifier.build((None, None, None, 8))

    def variables_by_name(self):
        return {
            f"{layer.name}/{compat.weight_name(variable)}": variable
            for layer in (self.conv, self.classifier)
            for variable in layer.weights
        }

    def logit_maps(self, images, training, seeds):
        features = tf.nn.relu(self.conv(images))
        return [self.classifier(self.dropout(features, training=training, seeds=seeds))]


class SynchronizedModel(keras.layers.Layer):
    """The same with normalisations over all replicas."""

    logit_strides = (8,)
    batch_norm = "sync"

    def __init__(self):
        super().__init__(name="synchronized")
        options = {"batch_norm": "sync", "momentum": 0.9}
        self.blocks = [
            ConvNormAct(8, 3, strides=8, name="conv1", **options),
            ConvNormAct(8, 1, name="conv2", **options),
        ]
        self.classifier = AtrousConv2D(3, 1, name="fc8")
        self.blocks[0].build((None, None, None, 3))
        self.blocks[1].build((None, None, None, 8))
        self.classifier.build((None, None, None, 8))

    def variables_by_name(self):
        inner = [layer for block in self.blocks for layer in compat.sub_layers(block)]
        return {
            f"{layer.name}/{compat.weight_name(variable)}": variable
            for layer in (*inner, self.classifier)
            for variable in layer.weights
        }

    def logit_maps(self, images, training, seeds):
        features = images
        for block in self.blocks:
            features = block(features, training=training)
        return [self.classifier(features)]


def four_images():
    """Each with another share of void, the third with nothing else."""
    batch = random_batch(iter_size=1, batch=4, size=17)
    batch["images"] = np.abs(batch["images"]) * 100
    batch["labels"][0, 1, :9] = VOID
    batch["labels"][0, 2] = VOID
    return batch


def small_model():
    """A small model and factors on its learning rate."""
    model = SmallModel()
    rng = np.random.default_rng(7)
    for variable in model.variables_by_name().values():
        # Mostly above zero, so that hardly a unit is dead.
        variable.assign(rng.normal(0.3, 1.0, variable.shape) / np.prod(variable.shape[:-1]))
    return model, (("fc8/kernel", 10.0), (".*/bias", 2.0))


def synchronized():
    return SynchronizedModel(), ()


def take_step(
    strategy, batches, normalize, loss="cross_entropy", build=small_model, watched=WATCHED,
    scaled=False, clip_norm=0.0,
):  # fmt: skip
    """Trains once; `batches` holds one element a replica, as the pipeline delivers them."""
    with strategy.scope():
        keras.utils.set_random_seed(7)
        model, rate_multipliers = build()
        before = read(model, watched)
        trained = trained_variables(model, rate_multipliers)
        optimizer = build_optimizer("SGD", "momentum=0.9", 1e-2)
        compat.create_slots(optimizer, [entry.variable for entry in trained])
        scale = LossScale() if scaled else None
        average = WeightAverage(trained, 0.9) if clip_norm else None
    step = build_step(
        model, optimizer, trained, strategy, 5e-4, parse_loss(loss), VOID, normalize, scale,
        clip_norm, average,
    )  # fmt: skip
    stacked = {name: np.stack([b[name] for b in batches]) for name in batches[0]}
    elements = strategy.distribute_datasets_from_function(
        lambda context: tf.data.Dataset.from_tensor_slices(stacked)
    )
    results = {name: float(value) for name, value in step(next(iter(elements))).items()}
    after = read(model, watched)
    changes = {name: (after[name] - before[name]).ravel().tolist() for name in watched}
    if average:
        moved = average.variables["fc8/kernel"].numpy() - before["fc8/kernel"]
        changes["average of fc8/kernel"] = moved.ravel().tolist()
    return {**results, "changes": changes}


def read(model, names):
    variables = model.variables_by_name()
    return {name: value_of(variables[name]) for name in names}


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


def results_on(count: int):
    build_strategy("one", logical_devices=count)
    names = [device.name for device in tf.config.list_logical_devices("CPU")]
    batch = four_images()
    strategy = tf.distribute.MirroredStrategy(names)
    results = {}
    if count in (1, 4):
        results["valid"] = take_step(strategy, split(batch, count), "valid")
    if count in (1, 2):
        results["sync"] = take_step(
            strategy, split(batch, count), "valid", build=synchronized, watched=SYNC_WATCHED
        )
    if count in (1, 2):
        # One replica without the scale of the loss, two with it; the gradient is cut on both.
        results["scaled"] = take_step(
            strategy, split(batch, count), "valid", scaled=count == 2, clip_norm=CLIP_NORM
        )
    if count == 1:
        results["caffe"] = take_step(strategy, divide(batch, 1), "caffe")
        results["losses"] = take_step(strategy, [batch], "valid", LOSSES)
    if count == 2:
        results["losses"] = take_step(strategy, divide(batch, 2), "valid", LOSSES)
    if count == 4:
        results["caffe"] = take_step(strategy, split(batch, 4), "caffe")
    built = {n: build_strategy(n).num_replicas_in_sync for n in ("auto", "mirrored", "one")}
    valid = batch["labels"] != VOID
    strides = {"valid": 8, "scaled": 8, "losses": 8, "sync": 8}
    pixels = {what: int(valid[:, :, ::s, ::s].sum()) for what, s in strides.items()}
    return {**results, "strategies": built, "valid_pixels": pixels}


if __name__ == "__main__":
    # Forked: TensorFlow, imported and not used yet, is imported once.
    with multiprocessing.get_context("fork").Pool(1, maxtasksperchild=1) as pool:
        counts = (1, 2, 4)
        print(json.dumps(dict(zip(counts, pool.map(results_on, counts, 1), strict=True))))
