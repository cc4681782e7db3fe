"""Labels files: plans what is written where, then reads, labels and writes side by side."""

from __future__ import annotations

import errno
import glob
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from deeplab_tf.data.files import write_atomically
from deeplab_tf.data.image import read_upright
from deeplab_tf.data.overlay import overlay_labels
from deeplab_tf.data.own_files import PREDICTION, check_outputs, is_png_of, png_mark
from deeplab_tf.data.paths import user_path
from deeplab_tf.data.png import encode_label
from deeplab_tf.data.spec import DataError, DatasetSpec, palette_bytes
from deeplab_tf.evaluation.predictor import Predictor
from deeplab_tf.evaluation.tiles import WHOLE_PIXELS

SUFFIXES = (".jpg", ".jpeg", ".png")
# After these no other image can be written either.
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


class Job(NamedTuple):
    """One image to label.

    Attributes:
        source: the image.
        target: the label PNG to write.
    """

    source: Path
    target: Path

    @property
    def overlay(self) -> Path:
        """The image with its labels over it."""
        return self.target.with_name(f"{self.target.stem}_overlay.png")

    def outputs(self, overlay: bool) -> list[Path]:
        """What is written: the label PNG and, if wanted, the overlay."""
        return [self.target, self.overlay] if overlay else [self.target]

    def is_finished(self, overlay: bool) -> bool:
        """Whether all outputs are there and ours; they appear only when they are whole."""
        return all(map(is_png_of(PREDICTION), self.outputs(overlay)))


def plan_jobs(source: str, output) -> list[Job]:
    """Finds the images of a file, a folder (with its sub-folders) or a pattern.

    Args:
        source: what to label.
        output: folder for the label PNGs; sub-folders of a source folder are kept. What lies in
            an output folder below the source folder is no source.

    Returns:
        The jobs, sorted by source.

    Raises:
        ValueError: there are no images, two would write the same file, or the output folder is
            the input folder.
    """
    root, images = find_images(source)
    output = user_path(output)
    if output.resolve() == root.resolve():
        raise ValueError(f"--output is the folder of the images ({output}); give another one.")
    if output.resolve().is_relative_to(root.resolve()):
        # Labels of an earlier run are no images.
        images = [p for p in images if not p.resolve().is_relative_to(output.resolve())]
    if not images:
        raise ValueError(f"{source}: no images ({', '.join(SUFFIXES)}) found.")
    jobs = [Job(p, (output / p.relative_to(root)).with_suffix(".png")) for p in images]
    writers: dict[Path, Path] = {}
    for job in jobs:
        for written in (job.target, job.overlay):
            other = writers.setdefault(written, job.source)
            if other != job.source:
                raise ValueError(f"{other} and {job.source} would both write {written}.")
    return jobs


def jobs_to_do(
    jobs: Sequence[Job], overlay: bool = False, resume: bool = False, overwrite: bool = False
) -> list[Job]:
    """Leaves out what is finished, and stops where files of others would be replaced.

    Args:
        jobs: from `plan_jobs`.
        overlay: whether overlays are written too.
        resume: leave out images whose outputs an earlier run has written.
        overwrite: also replace files that no such run has written.

    Raises:
        ValueError: an output is there that no such run has written.
    """
    files = [file for job in jobs for file in job.outputs(overlay)]
    check_outputs(dict.fromkeys(files, is_png_of(PREDICTION)), overwrite)
    return [job for job in jobs if not (resume and job.is_finished(overlay))]


def find_images(source) -> tuple[Path, list[Path]]:
    """Finds the images of a file, a folder (with its sub-folders) or a pattern.

    What is there under the very name, such as a folder `run[1]`, is no pattern.

    Returns:
        The folder that holds them all, and the images in order.

    Raises:
        ValueError: the pattern goes up (`..`) behind its first wildcard.
    """
    path = user_path(source)
    if path.is_dir():
        found = (p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
        return path, sorted(found)
    if path.exists():
        return path.parent, [path]
    # Sub-folders are kept below the folder in front of the first wildcard.
    root, pattern = Path(), list(path.parts)
    while pattern and (not glob.has_magic(pattern[0]) or os.path.exists(root / pattern[0])):
        root /= pattern.pop(0)
    if not pattern:
        return path.parent, []
    if ".." in pattern:
        raise ValueError(f"{source}: .. behind a wildcard leaves the folder of the images.")
    found = glob.glob(str(Path(*pattern)), root_dir=root, recursive=True)
    matches = sorted(root / path for path in found)
    return root, [p for p in matches if p.is_file() and p.suffix.lower() in SUFFIXES]


def predict_files(
    predictor: Predictor,
    spec: DatasetSpec,
    jobs: Iterable[Job],
    overlay: bool = False,
    progress=lambda finished: finished,
) -> list[str]:
    """Labels images; one that is broken or cannot be written does not stop the others.

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

    palette, writing = palette_bytes(spec), []
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        return [problem for problem in progress(finish()) if problem is not None]


def write_prediction(
    job: Job, labels: np.ndarray, palette: bytes, image: np.ndarray | None = None
) -> str | None:
    """Writes the outputs of a job.

    Args:
        job: what is labelled.
        labels: uint8 [H, W].
        palette: 768 bytes, see `palette_bytes`.
        image: uint8 RGB [H, W, 3] for an overlay, None for no overlay.

    Returns:
        What is wrong where a file cannot be written, else None.

    Raises:
        OSError: the disk is full, so that nothing else can be written either.
    """
    try:
        write_atomically(job.target, encode_label(labels, palette, PREDICTION))
        if image is not None:
            write_atomically(job.overlay, encode_overlay(image, labels, palette))
    except OSError as error:
        if error.errno in _DISK_ERRORS:
            raise
        return f"{error.filename}: {error.strerror}"


def _predictions(predictor, images: list[np.ndarray]) -> list[np.ndarray | FloatingPointError]:
    """Labels images together or, where logits are not finite, one by one to see whose."""
    try:
        return predictor.batch(images)
    except FloatingPointError as error:
        if len(images) == 1:
            return [error]
        return [prediction for image in images for prediction in _predictions(predictor, [image])]


def _read(jobs: Iterable[Job]) -> Iterator[list[tuple[Job, np.ndarray | DataError]]]:
    """Yields lists of images that together have about as many pixels as are computed at once."""
    batch, pixels = [], 0
    for job in jobs:
        try:
            image = read_upright(job.source)
            pixels += image.shape[0] * image.shape[1]
        except DataError as error:
            image = error
        batch.append((job, image))
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


def encode_overlay(image, labels, palette: bytes, opacity: float = 0.5) -> bytes:
    """Encodes an image under its labels as an RGB PNG; see `overlay_labels`."""
    buffer = io.BytesIO()
    overlaid = Image.fromarray(overlay_labels(image, labels, palette, opacity))
    overlaid.save(buffer, format="PNG", pnginfo=png_mark(PREDICTION))
    return buffer.getvalue()
