"""The pipeline: shards to workers, which label them."""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics, MetricsFilter
from apache_beam.runners.runner import PipelineState
from apache_beam.utils.shared import Shared

from deeplab_tf.evaluation.beam.beam_options import is_direct
from deeplab_tf.evaluation.beam.image_shards import Shard
from deeplab_tf.evaluation.beam.label_shard import ShardLabeller, Totals
from deeplab_tf.evaluation.beam.shard_files import PNG, ShardFiles
from deeplab_tf.evaluation.beam.worker_predictor import WorkerPredictor
from deeplab_tf.evaluation.image_labeller import ImageLabeller
from deeplab_tf.start_up import WORKER

_NAMESPACE = "deeplab_tf"
_logger = logging.getLogger(f"{_NAMESPACE}.predict_beam")


class LabelShards(beam.DoFn):
    """Labels the images of shards, on a worker.

    All threads of a process share one predictor, which the first of them builds.

    Args:
        predictor: what labels.
        files: what is written.
        **options: of `ShardLabeller`.
    """

    def __init__(self, predictor: WorkerPredictor, files: ShardFiles, **options: Any):
        self._predictor, self._files, self._options = predictor, files, options
        self._shared = Shared()
        self._counters = {name: Metrics.counter(_NAMESPACE, name) for name in Totals._fields}

    def setup(self) -> None:
        """Builds the predictor, or takes that of another thread."""
        labeller = self._shared.acquire(self._build)
        self._label = ShardLabeller(labeller, self._files, **self._options)

    def _build(self) -> ImageLabeller:
        return self._predictor.labeller("labels" if self._files.format == PNG else "confidence")

    def process(self, shard: Shard) -> Iterator[None]:
        """Labels a shard; its counts are Beam's counters, and a line in the worker's log."""
        totals = self._label(shard)
        for name, count in totals._asdict().items():
            self._counters[name].inc(count)
        _logger.info("shard %d of %d: %s", shard.number + 1, self._files.shards, totals)
        yield from ()


def run_pipeline(
    shards: Sequence[Shard],
    predictor: WorkerPredictor,
    files: ShardFiles,
    options: Any,
    log: Callable[[str], None] = print,
    **labelling: Any,
) -> Totals | None:
    """Labels shards by a runner of Beam, and waits for its end.

    Args:
        shards: the images.
        predictor: what labels.
        files: what is written.
        options: from `pipeline_options`.
        log: receives the progress of workers in this process.
        **labelling: options of `ShardLabeller`.

    Returns:
        What became of the images, None where the runner does not tell.

    Raises:
        ValueError: the pipeline failed; the message says why in one line.
    """
    pipeline = beam.Pipeline(options=options)
    # Not in one piece with what makes them: workers would get all shards or none.
    made = pipeline | "Shards" >> beam.Create([*shards]).with_output_types(Any)
    spread = made | "Spread" >> beam.Reshuffle()
    spread | "Label" >> beam.ParDo(LabelShards(predictor, files, **labelling))
    try:
        with _progress_to(log), _quiet(is_direct(options)):
            result = pipeline.run()
            state = result.wait_until_finish()
    except Exception as error:  # runners wrap whatever happens in a worker in errors of their own
        reason = _reason(error)
        if reason == KeyboardInterrupt.__name__:  # which Beam wraps, like all that happens in it
            raise KeyboardInterrupt from error
        raise ValueError(f"The pipeline failed: {reason}") from error
    if state in (PipelineState.FAILED, PipelineState.CANCELLED):
        raise ValueError(f"The pipeline ended as {state}; the runner's log says why.")
    return _totals(result)


def _totals(result: Any) -> Totals | None:
    try:
        found = result.metrics().query(MetricsFilter().with_namespace(_NAMESPACE))["counters"]
    except NotImplementedError:  # of runners that do not count
        return None
    counts = {counter.key.metric.name: counter.result or 0 for counter in found}
    return Totals(**{name: counts.get(name, 0) for name in Totals._fields})


@contextlib.contextmanager
def _progress_to(log: Callable[[str], None]) -> Iterator[None]:
    """Hands lines of workers in this process to a function; those of others come on stderr."""
    handler = logging.Handler()
    handler.emit = lambda record: log(record.getMessage())  # type: ignore[method-assign]
    before = _logger.level, _logger.propagate
    _logger.addHandler(handler)
    _logger.setLevel(logging.INFO)
    _logger.propagate = False
    try:
        yield
    finally:
        _logger.removeHandler(handler)
        _logger.level, _logger.propagate = before


@contextlib.contextmanager
def _quiet(here: bool) -> Iterator[None]:
    """Keeps Beam from logging the traceback of what is told in one line, where workers are here.

    Processes that Beam starts here leave TensorFlow's notes out, as programs do.
    """
    logger = logging.getLogger("apache_beam")
    before, known = logger.level, os.environ.get(WORKER)
    if here:
        logger.setLevel(logging.CRITICAL)
        os.environ[WORKER] = "1"
    try:
        yield
    finally:
        logger.setLevel(before)
        if here and known is None:
            del os.environ[WORKER]


def _reason(error: Exception) -> str:
    """Returns the last line of what may be the traceback of a worker, without what Beam adds."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    if not lines:
        return f"{type(error).__name__}, of which Beam says no more"
    last = lines[-1].partition(" [while running")[0]
    return re.sub(r"^[\w.]*(Error|Exception): ", "", last).strip()
