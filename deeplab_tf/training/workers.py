"""Coordinates the workers of `multi_worker`: which one writes, and that all run the same."""

from __future__ import annotations

import contextlib
import functools
import json
import re
import zlib
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from deeplab_tf.data.split import Split

# Errors that TensorFlow raises when a worker is gone; the last one when the first of them does not
# answer, who looks after the others.
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)
_TASK = re.compile(r"/job:(\w+)/(?:replica:\d+/)?task:(\d+)")


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Returns whether this process evaluates, writes the work directory and prints."""
    jobs = _jobs(strategy)
    if not jobs:
        return True
    resolver, first = strategy.cluster_resolver, "chief" if "chief" in jobs else "worker"
    return (resolver.task_type, resolver.task_id) == (first, 0)


def _jobs(strategy: tf.distribute.Strategy) -> dict:
    """Returns the addresses in TF_CONFIG by kind of task; empty for a strategy of one process."""
    several = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
    return strategy.cluster_resolver.cluster_spec().as_dict() if several else {}


def share_of_batch(batch_size: int, strategy: tf.distribute.Strategy) -> int:
    """Returns the number of images of a batch for each replica.

    Args:
        batch_size: images of a batch over all replicas.
        strategy: where to train.

    Raises:
        ValueError: the batch cannot be divided equally.
    """
    replicas = strategy.num_replicas_in_sync
    if batch_size % replicas:
        raise ValueError(
            f"train.batch_size must be a multiple of the number of replicas ({replicas}). "
            f"Received: {batch_size}"
        )
    return batch_size // replicas


def require_same_run(strategy: tf.distribute.Strategy, config: str, split: Split) -> None:
    """Stops all workers if one was started with another configuration or data set.

    Args:
        strategy: where to train.
        config: the resolved configuration as text.
        split: training examples.

    Raises:
        ValueError: they differ.
    """
    # A worker's replicas share the number, so more than one number is more than one run.
    text = json.dumps([config, split.spec.to_dict(), split.names])
    if len(set(gather(strategy, zlib.crc32(text.encode())))) > 1:
        raise ValueError(
            "The workers were started with different configurations or data sets. Give all the "
            "same --config, --config.SECTION.KEY flags and data."
        )


def require_same_step(strategy: tf.distribute.Strategy, step: int) -> None:
    """Stops all workers if they found different checkpoints.

    Args:
        strategy: where to train.
        step: step of the checkpoint that this worker found; 0 for none.

    Raises:
        ValueError: they are at different steps.
    """
    steps = gather(strategy, step)
    if len(set(steps)) > 1:
        raise ValueError(
            f"The workers found checkpoints of different steps {sorted(set(steps))}. --workdir "
            "must be one folder that all machines share."
        )


def gather(strategy: tf.distribute.Strategy, number: int) -> list[int]:
    """Collects a number from every replica, and so waits until every worker has called this.

    Args:
        strategy: where to train.
        number: this worker's number, below 2**63.

    Returns:
        One number for each replica; for a strategy of one process only its own.
    """
    if not _jobs(strategy):
        return [number]
    with naming_lost_workers(strategy):
        numbers = _collection(strategy)(tf.constant([number], tf.int64))
        return strategy.experimental_local_results(numbers)[0].numpy().tolist()


def gather_texts(strategy: tf.distribute.Strategy, text: str) -> list[str]:
    """Collects a text from every worker, in their order, as `gather` does numbers.

    Args:
        strategy: where to train.
        text: this worker's.
    """
    if not _jobs(strategy):
        return [text]
    data = text.encode()
    lengths = gather(strategy, len(data))
    codes = np.zeros([1, max(lengths)], np.int64)
    codes[0, : len(data)] = np.frombuffer(data, np.uint8)
    with naming_lost_workers(strategy):
        rows = _collection(strategy)(tf.constant(codes))
    found = strategy.experimental_local_results(rows)[0].numpy().astype(np.uint8)
    # The replicas of a worker have all sent its text.
    replicas = len(strategy.experimental_local_results(rows))
    rows_of_workers = zip(found[::replicas], lengths[::replicas], strict=True)
    return [row[:length].tobytes().decode() for row, length in rows_of_workers]


def place_of_worker(strategy: tf.distribute.Strategy) -> tuple[int, int]:
    """Returns which of how many workers this is, from 1, in the order of `gather`."""
    jobs = _jobs(strategy)
    if not jobs:
        return 1, 1
    resolver = strategy.cluster_resolver
    tasks = [(kind, i) for kind in sorted(jobs) for i in range(len(jobs[kind]))]
    return tasks.index((resolver.task_type, resolver.task_id)) + 1, len(tasks)


@functools.cache
def _collection(strategy: tf.distribute.Strategy) -> Callable:
    """Builds the graph of `gather` once: it is called every step."""

    def collect(numbers: tf.Tensor) -> tf.Tensor:
        # A copy that lies on the replica's own device.
        return tf.distribute.get_replica_context().all_gather(tf.identity(numbers), axis=0)

    return tf.function(lambda numbers: strategy.run(collect, (numbers,)))


@contextlib.contextmanager
def naming_lost_workers(strategy: tf.distribute.Strategy) -> Iterator[None]:
    """Turns TensorFlow's errors about a worker that is gone into one clear error.

    Args:
        strategy: where to train.

    Raises:
        ConnectionError: another worker stopped.
    """
    try:
        yield
    except _LOST as error:
        if not _jobs(strategy):
            raise
        raise ConnectionError(
            f"{_name_of_lost(error, strategy)} stopped or cannot be reached; its own last line "
            "says why. Start all workers again with the same command: they go on from the last "
            "checkpoint."
        ) from error


def _name_of_lost(error: tf.errors.OpError, strategy: tf.distribute.Strategy) -> str:
    """Names the worker that an error is about, by what TensorFlow's text says of it."""
    jobs, resolver = _jobs(strategy), strategy.cluster_resolver
    own = (resolver.task_type, resolver.task_id)
    found = [(kind, int(index)) for kind, index in _TASK.findall(error.message)]
    if isinstance(error, tf.errors.DeadlineExceededError) and not found:
        found = [("chief" if "chief" in jobs else "worker", 0)]
    lost = next((task for task in found if task != own and task[0] in jobs), None)
    return f"{lost[0]} {lost[1]} ({jobs[lost[0]][lost[1]]})" if lost else "Another worker"
