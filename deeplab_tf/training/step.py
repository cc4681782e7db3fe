"""One training step on one or many replicas."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from deeplab_tf.training.losses.normalization import (
    count_valid,
    cross_entropy_sum,
    micro_batch_weights,
    subsample_labels,
)
from deeplab_tf.training.optimizers import TrainedVariable, apply_updates


def build_step(
    model,
    optimizer,
    trained: Sequence[TrainedVariable],
    strategy: tf.distribute.Strategy,
    weight_decay: float,
    ignore_label: int = 255,
    normalize: str = "valid",
) -> Callable:
    """Builds the function that trains on one global batch.

    Args:
        model: a DeepLab.
        optimizer: from `build_optimizer`.
        trained: from `trained_variables`.
        strategy: where the model and the optimizer were created.
        weight_decay: see `apply_updates`.
        ignore_label: id of pixels that count nothing.
        normalize: see `micro_batch_weights`.

    Returns:
        A function from a (distributed) batch, as `data.pipeline` makes it, to a dict of scalars:
        `loss`, the sum over the score maps that are trained, and `valid_pixels`.
    """
    strides = model.logit_strides

    def replica_step(batch):
        targets = [subsample_labels(batch["labels"], stride) for stride in strides]
        counts = tf.stack([count_valid(t, ignore_label) for t in targets], axis=-1)
        weights = micro_batch_weights(counts, normalize)
        variables = [entry.variable for entry in trained]
        gradients = [tf.zeros(variable.shape, variable.dtype) for variable in variables]
        loss = tf.constant(0.0)
        for i in tf.range(tf.shape(weights)[0]):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(variables)
                maps = model.logit_maps(batch["images"][i], training=True, seeds=batch["seeds"][i])
                sums = [
                    cross_entropy_sum(target[i], logits, ignore_label)
                    for target, logits in zip(targets, maps, strict=True)
                ]
                micro_loss = tf.reduce_sum(weights[i] * tf.stack(sums))
            loss += micro_loss
            additions = tape.gradient(micro_loss, variables)
            gradients = [old + new for old, new in zip(gradients, additions, strict=True)]
        apply_updates(optimizer, gradients, trained, weight_decay)
        return {"loss": loss, "valid_pixels": tf.reduce_sum(counts[:, 0])}

    @tf.function
    def step(batch):
        results = strategy.run(replica_step, args=(batch,))
        return {
            name: strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None)
            for name, value in results.items()
        }

    return step
