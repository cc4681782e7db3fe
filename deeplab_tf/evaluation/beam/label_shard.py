"""Labels the images of a shard and writes what they are wanted as."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from deeplab_tf.evaluation.beam import storage
from deeplab_tf.evaluation.beam.dead_letters import DeadLetter, dead_letter, write_dead_letters
from deeplab_tf.evaluation.beam.image_ref import ImageRef
from deeplab_tf.evaluation.beam.image_shards import Shard
from deeplab_tf.evaluation.beam.label_record import LabelRecord, label_record
from deeplab_tf.evaluation.beam.record_files import RECORD_FORMATS
from deeplab_tf.evaluation.beam.shard_files import PNG, ShardFiles, is_own_label
from deeplab_tf.evaluation.image_labeller import ImageLabeller
from deeplab_tf.evaluation.labelled_sources import label_sources
from deeplab_tf.evaluation.prediction_formats import LabelledImage
from deeplab_tf.evaluation.prediction_formats.label_png import encode_label_png
from deeplab_tf.evaluation.prediction_jobs import Job
from deeplab_tf.evaluation.prediction_writer import written_problem

# Labels that wait to be written while the next images are labelled.
_WAITING = 16


class Totals(NamedTuple):
    """What became of images.

    Attributes:
        labelled: images that were.
        broken: images that could not be; each has a dead letter.
        skipped: images that an earlier run has finished.
        pixels: of the labelled images.
    """

    labelled: int = 0
    broken: int = 0
    skipped: int = 0
    pixels: int = 0

    def __str__(self) -> str:
        """Returns the counts for people."""
        return f"{self.labelled} labelled, {self.broken} broken, {self.skipped} skipped"


class _Source(NamedTuple):
    """An image as `label_sources` takes it."""

    ref: ImageRef
    job: Job

    def read(self) -> np.ndarray:
        return self.ref.read()


class ShardLabeller:
    """Labels shards.

    Args:
        labeller: with the confidence where records are written.
        files: what is written.
        resume: whether images whose outputs are there are left out.
        description: of the run, which Parquet files carry.
    """

    def __init__(
        self,
        labeller: ImageLabeller,
        files: ShardFiles,
        resume: bool = False,
        description: dict[str, Any] | None = None,
    ):
        self._labeller, self._files, self._resume = labeller, files, resume
        self._description = description or {}

    def __call__(self, shard: Shard) -> Totals:
        """Labels the images of a shard.

        Raises:
            OSError: the input cannot be read any more, or nothing can be written.
            DataError: the same of a table.
        """
        work = _ShardWork(shard, self._labeller, self._files, self._resume)
        if self._files.format == PNG:
            work.write_pngs()
        else:
            work.write_records(self._description)
        return work.totals()


class _ShardWork:
    """The work on a shard, and its counts so far."""

    def __init__(self, shard: Shard, labeller: ImageLabeller, files: ShardFiles, resume: bool):
        self._shard, self._labeller, self._files, self._resume = shard, labeller, files, resume
        self._labelled = self._skipped = self._pixels = 0
        self._letters: list[DeadLetter] = []

    def totals(self) -> Totals:
        """Returns what became of the images."""
        return Totals(self._labelled, len(self._letters), self._skipped, self._pixels)

    def write_pngs(self) -> None:
        """Writes a label PNG of every image."""
        writing: list[Future] = []
        with ThreadPoolExecutor(1) as writer:
            for ref, image in self._labelled_images():
                if len(writing) == _WAITING:
                    writing.pop(0).result()
                writing.append(writer.submit(self._write_png, ref, image))
            for future in writing:
                future.result()
        self._write_letters()

    def write_records(self, description: dict[str, Any]) -> None:
        """Writes the records of all images into one file, which is there when it is complete."""
        file = self._files.records(self._shard.number)
        if self._resume and storage.exists(file):
            self._skipped = self._shard.images
            return
        with storage.whole(file) as temporary:
            write = RECORD_FORMATS[self._files.format].write
            write(temporary, self._records(), description)
            self._write_letters()  # a shard that is there has its letters

    def _write_png(self, ref: ImageRef, image: LabelledImage) -> None:
        try:
            storage.write_bytes(self._files.label_png(ref.name), encode_label_png(image))
        except OSError as error:
            self._letters.append(dead_letter(ref.path, ref.name, written_problem(error)))
        else:
            self._count(image)

    def _records(self) -> Iterator[LabelRecord]:
        for ref, image in self._labelled_images():
            yield label_record(ref.name, image)
            self._count(image)

    def _labelled_images(self) -> Iterator[tuple[ImageRef, LabelledImage]]:
        """Yields the images that can be labelled, and keeps a letter of every other one."""
        for batch in label_sources(self._labeller, self._sources()):
            for (ref, _), image in batch:
                if isinstance(image, LabelledImage):
                    yield ref, image
                else:
                    self._letters.append(dead_letter(ref.path, ref.name, image))

    def _sources(self) -> Iterator[_Source]:
        for ref in self._shard.part:
            if self._resume and self._files.format == PNG and self._is_labelled(ref):
                self._skipped += 1
            else:
                name = Path(ref.name)
                yield _Source(ref, Job(name, name))

    def _is_labelled(self, ref: ImageRef) -> bool:
        return is_own_label(self._files.label_png(ref.name))

    def _count(self, image: LabelledImage) -> None:
        self._labelled += 1
        self._pixels += image.labels.size

    def _write_letters(self) -> None:
        write_dead_letters(self._files.dead_letters(self._shard.number), self._letters)
