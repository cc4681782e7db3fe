"""Labels files: reads and writes some images while others are labelled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from deeplab_tf.data.image import read_upright
from deeplab_tf.data.spec import DataError, DatasetSpec
from deeplab_tf.evaluation.image_labeller import ImageLabeller
from deeplab_tf.evaluation.labelled_sources import label_sources
from deeplab_tf.evaluation.prediction_formats import (
    PREDICTION_FORMATS,
    FolderFormat,
    LabelledImage,
    needed_of,
)
from deeplab_tf.evaluation.prediction_formats.output_format import OpenFolderFile
from deeplab_tf.evaluation.prediction_jobs import Job
from deeplab_tf.evaluation.prediction_writer import write_prediction, written_problem
from deeplab_tf.evaluation.predictor import Predictor


class _File(NamedTuple):
    """A file as `label_sources` takes it."""

    job: Job

    def read(self) -> np.ndarray:
        return read_upright(self.job.source)


def predict_files(
    predictor: Predictor,
    spec: DatasetSpec,
    jobs: Sequence[Job],
    formats: Sequence[str] = ("png",),
    progress: Callable[[Iterable], Iterable] = iter,
    classes: Sequence[str] | None = None,
    resume: bool = False,
) -> list[str]:
    """Labels files; one that is broken or cannot be written does not stop the others.

    While some images are labelled, the next are read and the last are written.

    Args:
        predictor: what labels.
        spec: gives the palette.
        jobs: from `plan_jobs`.
        formats: rows of `PREDICTION_FORMATS`.
        progress: wraps an iterable with one item for every finished job, such as a progress bar.
        classes: names of the classes to write, see `choose_classes`; None for all.
        resume: whether images that a file of all images holds stay in it.

    Returns:
        One line for every image that could not be read or written, or for which the network's
        logits are not finite.

    Raises:
        ValueError: there is no such class.
        OSError: the disk is full, so that nothing else can be written either.
    """
    labeller = ImageLabeller(predictor, spec, needed_of(formats), classes)
    files = _open_folder_files(jobs, spec, formats, resume)

    def write(job: Job, image: LabelledImage) -> str | None:
        return write_prediction(job, image, formats, files)

    def finish() -> Iterator[str | None]:
        for batch in label_sources(labeller, map(_File, jobs)):
            while writing:
                yield writing.pop(0).result()
            for (job,), image in batch:
                if isinstance(image, LabelledImage):
                    writing.append(writer.submit(write, job, image))
                else:
                    named = isinstance(image, DataError)
                    yield str(image) if named else f"{job.source}: {image}"
        for future in writing:
            yield future.result()

    writing: list[Future[str | None]] = []
    with ThreadPoolExecutor(1) as writer:
        try:
            problems = [problem for problem in progress(finish()) if problem is not None]
        finally:  # an interrupted run is gone on with by --resume
            unsaved = writer.submit(_save, files.values()).result()
    return problems + unsaved


def _open_folder_files(
    jobs: Sequence[Job], spec: DatasetSpec, formats: Sequence[str], keep: bool
) -> dict[str, OpenFolderFile]:
    """Opens the files that all images share, with what they hold or empty."""
    files = {}
    for name in formats if jobs else ():
        format = PREDICTION_FORMATS[name]
        if isinstance(format, FolderFormat):
            file = jobs[0].file(name)
            files[name] = format.start(file, spec, keep and format.is_own(file))
    return files


def _save(files: Iterable[OpenFolderFile]) -> list[str]:
    problems = []
    for file in files:
        try:
            file.save()
        except OSError as error:
            problems.append(written_problem(error))
    return problems
