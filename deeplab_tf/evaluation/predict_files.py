"""Labels files: reads and writes some images while others are labelled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from deeplab_tf.data.image import read_upright
from deeplab_tf.data.spec import DataError, DatasetSpec, palette_bytes
from deeplab_tf.evaluation.prediction_jobs import Job
from deeplab_tf.evaluation.prediction_writer import write_prediction
from deeplab_tf.evaluation.predictor import Predictor
from deeplab_tf.evaluation.tiles import WHOLE_PIXELS


def predict_files(
    predictor: Predictor,
    spec: DatasetSpec,
    jobs: Iterable[Job],
    overlay: bool = False,
    progress: Callable[[Iterable], Iterable] = iter,
) -> list[str]:
    """Labels files; one that is broken or cannot be written does not stop the others.

    While some images are labelled, the next are read and the last are written.

    Args:
        predictor: what labels.
        spec: gives the palette.
        jobs: from `plan_jobs`.
        overlay: also writes the image with its labels over it.
        progress: wraps an iterable with one item for every finished job, such as a progress bar.

    Returns:
        One line for every image that could not be read or written, or for which the network's
        logits are not finite.

    Raises:
        OSError: the disk is full, so that nothing else can be written either.
    """

    def write(job: Job, image: np.ndarray, labels: np.ndarray) -> str | None:
        return write_prediction(job, labels, palette, image if overlay else None)

    def finish() -> Iterator[str | None]:
        for batch in _one_ahead(_read(jobs), reader):
            good = [(job, image) for job, image in batch if isinstance(image, np.ndarray)]
            predictions = _predictions(predictor, [image for _, image in good])
            while writing:
                yield writing.pop(0).result()
            for (job, image), prediction in zip(good, predictions, strict=True):
                if isinstance(prediction, FloatingPointError):
                    yield f"{job.source}: {prediction}"
                else:
                    writing.append(writer.submit(write, job, image, prediction))
            yield from (str(image) for _, image in batch if isinstance(image, DataError))
        for future in writing:
            yield future.result()

    palette = palette_bytes(spec)
    writing: list[Future[str | None]] = []
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        return [problem for problem in progress(finish()) if problem is not None]


def _predictions(
    predictor: Predictor, images: list[np.ndarray]
) -> Sequence[np.ndarray | FloatingPointError]:
    """Labels images together or, where logits are not finite, one by one to see whose."""
    try:
        return predictor.batch(images)
    except FloatingPointError as error:
        if len(images) == 1:
            return [error]
        return [prediction for image in images for prediction in _predictions(predictor, [image])]


def _read(jobs: Iterable[Job]) -> Iterator[list[tuple[Job, np.ndarray | DataError]]]:
    """Yields lists of images that together have about as many pixels as are computed at once."""
    batch: list[tuple[Job, np.ndarray | DataError]] = []
    pixels = 0
    for job in jobs:
        try:
            image = read_upright(job.source)
            pixels += image.shape[0] * image.shape[1]
            batch.append((job, image))
        except DataError as error:
            batch.append((job, error))
        if pixels >= WHOLE_PIXELS:
            yield batch
            batch, pixels = [], 0
    yield batch


def _one_ahead(items: Iterator, pool: ThreadPoolExecutor) -> Iterator:
    """Yields items while the next one is made in a thread."""
    end = object()
    following = pool.submit(next, items, end)
    while (item := following.result()) is not end:
        following = pool.submit(next, items, end)
        yield item
