from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from deeplab_tf.data.paths import DataError
from deeplab_tf.evaluation.labelled_sources import label_sources
from deeplab_tf.evaluation.prediction_formats import LabelledImage
from deeplab_tf.evaluation.prediction_jobs import Job

BROKEN, NOT_FINITE = -1, -2


class Source(NamedTuple):
    """An image whose pixels all have one value."""

    value: int
    size: tuple = (4, 5)

    @property
    def job(self):
        return Job(Path(f"{self.value}.png"), Path(f"out/{self.value}.png"))

    def read(self):
        if self.value == BROKEN:
            raise DataError("broken")
        return np.full([*self.size, 3], self.value if self.value >= 0 else 0, np.uint8)


class Labeller:
    """Labels an image with its value, and keeps what came together."""

    def __init__(self):
        self.batches = []

    def batch(self, pairs):
        self.batches.append(len(pairs))
        return [
            FloatingPointError("not finite")
            if job.source.name == f"{NOT_FINITE}.png"
            else job.labelled(image[..., 0], None)
            for job, image in pairs
        ]


def test_every_source_comes_back_once_in_order(monkeypatch):
    monkeypatch.setattr("deeplab_tf.evaluation.labelled_sources.WHOLE_PIXELS", 60)
    sources = [*map(Source, (3, 1, BROKEN, 7, NOT_FINITE, BROKEN, 2, 9))]
    labeller = Labeller()
    batches = list(label_sources(labeller, iter(sources)))
    assert [source for batch in batches for source, _ in batch] == sources
    for source, result in (pair for batch in batches for pair in batch):
        if source.value == BROKEN:
            assert isinstance(result, DataError)
        elif source.value == NOT_FINITE:
            assert isinstance(result, FloatingPointError)
        else:
            assert isinstance(result, LabelledImage) and (result.labels == source.value).all()
    assert labeller.batches == [3, 3, 0]


def test_nothing_is_read_far_ahead(monkeypatch):
    """Memory holds the batch that is labelled and the next."""
    monkeypatch.setattr("deeplab_tf.evaluation.labelled_sources.WHOLE_PIXELS", 20)
    read = []

    def sources():
        for value in range(9):
            read.append(value)
            yield Source(value)

    batches = label_sources(Labeller(), sources())
    next(batches)
    next(batches)
    assert len(read) <= 4
    batches.close()


def test_an_error_of_the_iteration_is_raised():
    def sources():
        yield Source(1)
        raise OSError("the list is gone")

    with pytest.raises(OSError, match="the list is gone"):
        list(label_sources(Labeller(), sources()))
