"""Builds the tf.data pipelines for training and evaluation.

The order of training is a function of (seed, position) and of nothing else: position
``p = 0, 1, 2, ...`` of a run lies in epoch ``p // n`` and shows example
``shuffle(p % n)``, shuffled anew in every epoch. A run is resumed by its step alone.
"""

from __future__ import annotations

import functools

import tensorflow as tf

from deeplab_tf.data.augment import AugmentationPipeline, augment, augment_windowed
from deeplab_tf.data.cache import CachedSplit
from deeplab_tf.data.encoded import decode_lazily
from deeplab_tf.data.split import EncodedSplit, Split
from deeplab_tf.data.split_shard import items_of_shard

# AutoGraph would rewrite every function that is called, which takes seconds; none needs it.
_unconverted = tf.autograph.experimental.do_not_convert


def training_dataset(
    split: Split,
    augmentation: AugmentationPipeline,
    pad_color: tuple[float, float, float],
    micro_batch: int,
    iter_size: int = 1,
    seed: int = 0,
    start_step: int = 0,
    steps: int | None = None,
    replicas: int = 1,
    worker: int = 0,
    workers: int = 1,
    cache: bool = False,
) -> tf.data.Dataset:
    """Returns augmented batches in an order that depends on (seed, step) only.

    Every step owns ``micro_batch * replicas * iter_size`` positions. Replica ``r`` takes, for
    micro-batch ``i``, the ``micro_batch`` positions from ``(i * replicas + r) * micro_batch``
    on, so that the images of a step are the same whatever the number of replicas, as long
    as ``micro_batch * replicas`` is.

    Args:
        split: where examples come from.
        augmentation: what happens to each.
        pad_color: RGB of padding.
        micro_batch: examples of one forward pass on one replica.
        iter_size: micro-batches whose gradients are added up before one update.
        seed: another seed gives another order and other crops.
        start_step: first step to deliver; a resumed run gives the step it stands at.
        steps: how many steps to deliver; None goes on for ever.
        replicas: number of replicas over all workers.
        worker: which worker this is.
        workers: number of workers; each delivers the elements of its own replicas only.
        cache: keep decoded examples in memory, see ``CachedSplit``; the batches are the same.

    Returns:
        A data set of one element a local replica and step, replicas of a step one after the
        other: ``images`` float32 ``[iter_size, micro_batch, crop, crop, 3]``, ``labels`` int32
        ``[iter_size, micro_batch, crop, crop]`` and ``seeds`` int32
        ``[iter_size, micro_batch, 2]``, one an example, for random layers.

    Raises:
        ValueError: when the counts do not fit each other.
    """
    _check_counts(micro_batch, iter_size, replicas, worker, workers)
    local = replicas // workers
    per_step = local * iter_size * micro_batch
    first = start_step * per_step
    last = tf.int64.max if steps is None else first + steps * per_step

    split = CachedSplit(split) if cache else split

    def example(counter: tf.Tensor) -> dict[str, tf.Tensor]:
        position = _position(counter, micro_batch, iter_size, replicas, local, worker)
        return _training_example(split, position, augmentation, pad_color, seed)

    dataset = tf.data.Dataset.range(first, last)
    dataset = dataset.map(
        _unconverted(example), num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
    )
    # One batch and not two inside each other: every batch copies.
    dataset = dataset.batch(iter_size * micro_batch, drop_remainder=True)
    dataset = dataset.map(
        _unconverted(functools.partial(_in_micro_batches, iter_size, micro_batch))
    )
    return _finish(dataset, prefetch=2 * local)


def evaluation_dataset(
    split: Split, limit: int | None = None, shard: tuple[int, int] | None = None
) -> tf.data.Dataset:
    """Returns the images of a split one by one, in canonical order and in their own sizes.

    Args:
        split: where examples come from.
        limit: deliver so many only, spread evenly over the split.
        shard: deliver one shard of these only: its number, from 1, and the number of shards.

    Returns:
        A data set of ``image`` uint8 ``[height, width, 3]``, ``label`` int32
        ``[height, width]`` and ``name`` string.
    """
    chosen = items_of_shard(spread_evenly(len(split), limit), shard)
    dataset = tf.data.Dataset.from_tensor_slices(tf.constant(chosen, tf.int64))
    dataset = dataset.map(_unconverted(split.load), num_parallel_calls=2, deterministic=True)
    # The tuner of tf.data sleeps for up to a minute at a time, and the end of the data set does
    # not always wake it: an evaluation then waits for it (TensorFlow 2.21; one run in three).
    options = tf.data.Options()
    options.autotune.enabled = False
    return _finish(dataset, prefetch=4).with_options(options)


def spread_evenly(count: int, limit: int | None = None) -> list[int]:
    """Chooses evenly spread numbers from 0..count-1.

    Args:
        count: how many there are.
        limit: how many to choose at most; None for all.

    Example:
        >>> spread_evenly(10, 4)
        [0, 2, 5, 7]
    """
    chosen = count if limit is None else min(limit, count)
    return [i * count // chosen for i in range(chosen)]


def example_at(position: tf.Tensor, count: int, seed: int) -> tf.Tensor:
    """Returns the example that a position of a training run shows.

    Args:
        position: int64 scalar.
        count: number of examples of the split.
        seed: the run's seed.

    Returns:
        int64 scalar, 0..count-1; every number once in every ``count`` positions.
    """
    index = tf.random.experimental.index_shuffle(
        position % count,
        seed=tf.stack([tf.constant(seed, tf.int64), position // count]),
        max_index=tf.constant(count - 1, tf.int64),
    )
    return tf.cast(index, tf.int64)


def names_of_step(split: Split, step: int, images_per_step: int, seed: int) -> list[str]:
    """Returns the names of the images that a step of a training run takes.

    Args:
        split: where examples come from.
        step: 1 is the first.
        images_per_step: over all replicas and micro-batches.
        seed: the run's seed.
    """
    positions = range((step - 1) * images_per_step, step * images_per_step)
    indices = [example_at(tf.constant(p, tf.int64), len(split), seed) for p in positions]
    return [split.names[int(index)] for index in indices]


def _position(counter, micro_batch, iter_size, replicas, local, worker) -> tf.Tensor:
    """Returns the position in the run of this worker's example number `counter`."""
    step, rest = counter // (local * iter_size * micro_batch), counter // micro_batch
    micro, rest = rest % iter_size, rest // iter_size
    replica = worker * local + rest % local
    block = (step * iter_size + micro) * replicas + replica
    return block * micro_batch + counter % micro_batch


def _training_example(
    split: Split,
    position: tf.Tensor,
    augmentation: AugmentationPipeline,
    pad_color: tuple[float, float, float],
    seed: int,
) -> dict[str, tf.Tensor]:
    seeds = tf.random.stateless_uniform(
        [2, 2], seed=tf.stack([tf.constant(seed, tf.int64), position]), dtype=tf.int32,
        minval=None, maxval=None,
    )  # fmt: skip
    index, void = example_at(position, len(split), seed), split.spec.ignore_label
    if isinstance(split, EncodedSplit):
        read_window, label = decode_lazily(split.read(index), split.spec)
        image, label = augment_windowed(read_window, label, seeds[0], augmentation, pad_color, void)
    else:
        example = split.load(index)
        image, label = augment(
            example["image"], example["label"], seeds[0], augmentation, pad_color, void
        )
    return {"images": image, "labels": label, "seeds": seeds[1]}


def _in_micro_batches(
    iter_size: int, micro_batch: int, batch: dict[str, tf.Tensor]
) -> dict[str, tf.Tensor]:
    return {
        key: tf.reshape(value, [iter_size, micro_batch, *value.shape[1:]])
        for key, value in batch.items()
    }


def _finish(dataset: tf.data.Dataset, prefetch: int) -> tf.data.Dataset:
    options = tf.data.Options()
    options.deterministic = True
    # Every worker already takes its own part.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return dataset.prefetch(prefetch).with_options(options)


def _check_counts(
    micro_batch: int, iter_size: int, replicas: int, worker: int, workers: int
) -> None:
    counts = {"micro_batch": micro_batch, "iter_size": iter_size, "replicas": replicas}
    for name, value in {**counts, "workers": workers}.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1. Received: {value}.")
    if replicas % workers or not 0 <= worker < workers:
        raise ValueError(
            "Every worker must have the same number of replicas and a number below workers. "
            f"Received: replicas={replicas}, workers={workers}, worker={worker}."
        )
