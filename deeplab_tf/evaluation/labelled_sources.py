"""Labels images that are read while others are labelled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

import numpy as np

from deeplab_tf.data.paths import DataError
from deeplab_tf.evaluation.image_labeller import ImageLabeller
from deeplab_tf.evaluation.prediction_formats import LabelledImage
from deeplab_tf.evaluation.prediction_jobs import Job
from deeplab_tf.evaluation.tiles import WHOLE_PIXELS


class Source(Protocol):
    """An image that is not read yet."""

    @property
    def job(self) -> Job:
        """What is made of it."""

    def read(self) -> np.ndarray:
        """Returns uint8 RGB [H, W, 3]; raises a DataError that says why it cannot be read."""


_Source = TypeVar("_Source", bound=Source)


def label_sources(
    labeller: ImageLabeller, sources: Iterable[_Source]
) -> Iterator[list[tuple[_Source, LabelledImage | DataError | FloatingPointError]]]:
    """Labels images, those of the same padded size together; the next are read meanwhile.

    Args:
        labeller: what labels them.
        sources: the images; they are iterated over in a thread.

    Yields:
        Lists of sources, in their order, each with the labelled image or the error that it cannot
        be read or that its logits are not finite.
    """
    with ThreadPoolExecutor(1) as reader:
        for batch in _one_ahead(_read(sources), reader):
            good = [(source.job, image) for source, image in batch if isinstance(image, np.ndarray)]
            labelled = iter(labeller.batch(good))
            yield [
                (source, next(labelled) if isinstance(image, np.ndarray) else image)
                for source, image in batch
            ]


def _read(sources: Iterable[_Source]) -> Iterator[list[tuple[_Source, np.ndarray | DataError]]]:
    """Yields lists of images that together have about as many pixels as are computed at once."""
    batch: list[tuple[_Source, np.ndarray | DataError]] = []
    pixels = 0
    for source in sources:
        try:
            image = source.read()
            pixels += image.shape[0] * image.shape[1]
            batch.append((source, image))
        except DataError as error:
            batch.append((source, error))
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
