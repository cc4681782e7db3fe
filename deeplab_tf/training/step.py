"""One training step on one or many replicas."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.training.loss_scale import LossScale
from deeplab_tf.training.losses import TotalLoss, parts
from deeplab_tf.training.losses.batch_weights import (
    count_valid,
    mark_void,
    micro_batch_weights,
    subsample_labels,
)
from deeplab_tf.training.optimizers import TrainedVariable, apply_updates
from deeplab_tf.training.weight_average import WeightAverage


def build_step(
    model: DeepLab,
    optimizer: keras.optimizers.Optimizer,
    trained: Sequence[TrainedVariable],
    strategy: tf.distribute.Strategy,
    weight_decay: float,
    loss: TotalLoss,
    ignore_label: int = 255,
    normalize: str = "valid",
    loss_scale: LossScale | None = None,
    clip_norm: float = 0.0,
    average: WeightAverage | None = None,
) -> Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]]:
    """Builds the function that trains on one global batch.

    Loss and gradient are those of the global batch, however it is divided into replicas and
    micro-batches. A term of the loss that is no sum over pixels takes two forward passes where
    there are several parts: the first measures them all, the second has gradients. Both see the
    same dropout, whose seeds belong to the examples, and moving averages, where a
    layer keeps them, are updated in both.

    Args:
        model: the network.
        optimizer: from `build_optimizer`.
        trained: from `trained_variables`.
        strategy: where the model and the optimizer were created.
        weight_decay: see `apply_updates`.
        loss: from `parse_loss`, with its class weights as numbers.
        ignore_label: id of pixels that count nothing.
        normalize: `"valid"` or `"caffe"`, see `micro_batch_weights`. With `"caffe"` every
            micro-batch on every replica is a batch of its own, and losses and gradients are their
            mean.
        loss_scale: for networks that compute in float16. A step whose gradients overflow changes
            nothing but the scale.
        clip_norm: see `apply_updates`.
        average: of the weights, which every step updates.

    Returns:
        A function from a (distributed) batch, as `data.pipeline` makes it, to a dict of scalars:
        `loss`, the sum over the maps of logits that are trained, `valid_pixels`, and
        `largest_logit`, the largest absolute value of this worker's logits; infinity, where one is
        not finite.
    """
    strides = model.logit_strides
    variables = [entry.variable for entry in trained]
    replicas = strategy.num_replicas_in_sync

    def replica_gradients(
        batch: dict[str, tf.Tensor],
    ) -> tuple[dict[str, tf.Tensor], list[tf.Tensor]]:
        labels = mark_void(batch["labels"], ignore_label)
        targets = [subsample_labels(labels, stride) for stride in strides]
        counts = tf.stack([count_valid(target) for target in targets], axis=-1)
        weights = micro_batch_weights(counts, normalize)
        micro_batches = labels.shape[0]
        part_count = replicas * micro_batches
        # Replicas cannot wait for each other, as synchronised statistics do, inside a loop.
        unrolled = model.batch_norm == "sync"
        two_passes = bool(loss.whole_batch_terms) and normalize == "valid" and part_count > 1

        def forward(i: tf.Tensor) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
            maps = model.logit_maps(batch["images"][i], training=True, seeds=batch["seeds"][i])
            return [target[i] for target in targets], [tf.cast(m, tf.float32) for m in maps]

        total = tf.constant(0.0)
        slopes: list[tf.Tensor] = []
        if two_passes:
            measured = _measure_all(forward, loss, micro_batches, len(strides), unrolled)
            whole, slopes = parts.linearize_all(loss, targets, measured)
            total += whole / replicas  # every replica knows the whole, and they are added up

        def add_micro_batch(
            i: tf.Tensor, total: tf.Tensor, largest: tf.Tensor, gradients: list[tf.Tensor]
        ) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(variables)
                own_labels, maps = forward(i)
                part = parts.pixel_part(loss, own_labels, maps, weights[i])
                objective = part
                if two_passes:
                    own_slopes = [slope[i] for slope in slopes]
                    objective += parts.linear_part(loss, own_labels, maps, own_slopes)
                elif loss.whole_batch_terms:
                    part += parts.part_alone(loss, own_labels, maps, part_count)
                    objective = part
                if loss_scale:
                    objective = loss_scale.scale(objective)
            additions = tape.gradient(objective, variables)
            sums = [old + new for old, new in zip(gradients, additions, strict=True)]
            return total + part, tf.maximum(largest, _largest(maps)), sums

        zeros = [tf.zeros(variable.shape, variable.dtype) for variable in variables]
        total, largest, gradients = _repeat(
            micro_batches, add_micro_batch, (total, tf.constant(0.0), zeros), unrolled
        )
        if loss_scale:
            gradients = loss_scale.unscale(gradients)
        pixels = tf.reduce_sum(counts[:, 0])
        return {"loss": total, "valid_pixels": pixels, "largest_logit": largest}, gradients

    def update(gradients: list[tf.Tensor]) -> None:
        apply_updates(optimizer, gradients, trained, weight_decay, clip_norm)

    def sum_of(values: tf.Tensor) -> tf.Tensor:
        return strategy.reduce(tf.distribute.ReduceOp.SUM, values, axis=None)

    def update_on_replicas(gradients: list[tf.Tensor]) -> tf.Tensor:
        strategy.run(update, args=(gradients,))
        return tf.constant(True)  # both branches of a `tf.cond` return something

    # Nothing is for AutoGraph to rewrite, which would take seconds.
    @tf.function(autograph=False)
    def step(batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        results, gradients = strategy.run(replica_gradients, args=(batch,))
        if loss_scale:
            overflows = sum_of(strategy.run(_count_not_finite, args=(gradients,)))
            is_finite = overflows == 0
            tf.cond(is_finite, lambda: update_on_replicas(gradients), lambda: tf.constant(False))
            loss_scale.update(is_finite)
        else:
            update_on_replicas(gradients)
        if average:
            average.update(strategy, optimizer.iterations)
        largest = strategy.experimental_local_results(results.pop("largest_logit"))
        sums = {name: sum_of(value) for name, value in results.items()}
        return {**sums, "largest_logit": tf.reduce_max(largest)}

    return step


def _largest(maps: Sequence[tf.Tensor]) -> tf.Tensor:
    sizes = [tf.where(tf.math.is_finite(m), tf.abs(m), float("inf")) for m in maps]
    return tf.reduce_max([tf.reduce_max(size) for size in sizes])


def _count_not_finite(gradients: list[tf.Tensor]) -> tf.Tensor:
    return tf.add_n([tf.reduce_sum(tf.cast(~tf.math.is_finite(g), tf.float32)) for g in gradients])


def _measure_all(
    forward: Callable, loss: TotalLoss, micro_batches: int, maps: int, unrolled: bool
) -> list[tf.Tensor]:
    """Runs all micro-batches forward; returns what `parts.measure` does, stacked over them."""
    count = len(loss.whole_batch_terms) * maps
    arrays = [tf.TensorArray(tf.float32, micro_batches) for _ in range(count)]

    def measure_one(i: tf.Tensor, arrays: list[tf.TensorArray]) -> tuple[list[tf.TensorArray]]:
        measured = parts.measure(loss, *forward(i))
        return ([array.write(i, new) for array, new in zip(arrays, measured, strict=True)],)

    (arrays,) = _repeat(micro_batches, measure_one, (arrays,), unrolled)
    return [array.stack() for array in arrays]


def _repeat(count: int, body: Callable, state: tuple, unrolled: bool) -> tuple:
    """Returns the state after `body(i, *state)` for every i below a count.

    As a loop of TensorFlow's, whose graph does not grow with the count; unrolled it does.
    """
    if unrolled:
        for i in range(count):
            state = body(i, *state)
        return state
    _, *state = tf.while_loop(
        lambda i, *_: i < count, lambda i, *state: (i + 1, *body(i, *state)), [0, *state]
    )
    return tuple(state)
