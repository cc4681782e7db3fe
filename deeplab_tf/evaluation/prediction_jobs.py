"""Plans the labelling of files: which images are read, which files are written for each."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from deeplab_tf.data.image_files import (
    FoundImages,
    choose_images,
    describe_left_out,
    scan_folder,
)
from deeplab_tf.data.own_files import check_outputs
from deeplab_tf.data.paths import user_path
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.evaluation.media import IMAGES, Medium
from deeplab_tf.evaluation.prediction_formats import FileFormat, FolderFormat, LabelledImage

# Formats that can be asked for after others, so that what they write is always checked.
_ALWAYS = {"png", "overlay"}


class Job(NamedTuple):
    """One image, or another file, to label, and the files to write for it.

    Attributes:
        source: the image.
        target: the label PNG, whose name the other outputs have with other endings.
        depth: number of sub-folders between the folder of all images and this one.
        medium: what kind of file it is.
    """

    source: Path
    target: Path
    depth: int = 0
    medium: Medium = IMAGES

    @property
    def name(self) -> str:
        """The path of the image below the folder of all images."""
        return Path(*self.source.parts[-self.depth - 1 :]).as_posix()

    @property
    def folder(self) -> Path:
        """The folder of all outputs."""
        return self.target.parents[self.depth]

    def file(self, name: str) -> Path:
        """Returns the file that is written in a format, which may be one for all images."""
        format = self.medium.formats[name]
        if isinstance(format, FolderFormat):
            return self.folder / format.file_name
        return self.target.with_name(f"{self.target.stem}{format.ending}")

    def outputs(self, formats: Sequence[str]) -> dict[Path, Callable[[Path], bool]]:
        """Returns the files that are written, each with what tells whether it is ours."""
        return {self.file(name): self.medium.formats[name].is_own for name in formats}

    def labelled(
        self,
        labels: np.ndarray,
        spec: DatasetSpec,
        image: np.ndarray | None = None,
        confidence: np.ndarray | None = None,
        probabilities: np.ndarray | None = None,
    ) -> LabelledImage:
        """Returns the image with its labels, as formats take it; see `LabelledImage`."""
        folder = self.target.parent
        return LabelledImage(
            self.source, self.name, folder, labels, spec, image, confidence, probabilities
        )

    def is_finished(self, formats: Sequence[str]) -> bool:
        """Returns whether the image's own files are there and ours; they appear only when whole."""
        own = [name for name in formats if isinstance(self.medium.formats[name], FileFormat)]
        return all(is_own(file) for file, is_own in self.outputs(own).items())


class Plan(NamedTuple):
    """Files of one medium that are labelled.

    Attributes:
        medium: their kind.
        formats: what is written for each, keys of the medium's formats.
        jobs: the files, sorted.
    """

    medium: Medium
    formats: tuple[str, ...]
    jobs: list[Job]


def plan_jobs(
    source: str | os.PathLike,
    output: str | os.PathLike,
    log: Callable[[str], None] = print,
    formats: Sequence[str] = ("png",),
) -> list[Job]:
    """Plans which images are labelled and which files are written.

    Args:
        source: a file, a folder (with its sub-folders) or a pattern.
        output: folder for the label PNGs; sub-folders of a source folder are kept. What lies in
            an output folder below the source folder is no source.
        log: receives a line that counts and names what is left out.
        formats: rows of `PREDICTION_FORMATS`.

    Returns:
        The jobs, sorted by source.

    Raises:
        ValueError: there are no images, two would write the same file, or the output folder is
            the input folder.
    """
    (plan,) = plan_media(source, output, lambda _: tuple(formats), log=log)
    return plan.jobs


def plan_media(
    source: str | os.PathLike,
    output: str | os.PathLike,
    choose: Callable[[Medium], tuple[str, ...]],
    media: Sequence[Medium] = (IMAGES,),
    log: Callable[[str], None] = print,
) -> list[Plan]:
    """Plans which files of several media are labelled and which files are written.

    Args:
        source: as for `plan_jobs`.
        output: as for `plan_jobs`.
        choose: the formats of a medium.
        media: a file belongs to the first that takes it.
        log: as for `plan_jobs`.

    Returns:
        A plan for every medium that there are files of.

    Raises:
        ValueError: as `plan_jobs`, or from `choose`.
    """
    endings = tuple(dict.fromkeys(ending for medium in media[::-1] for ending in medium.endings))
    root, (files, left_out) = find_images(source, endings)
    output = user_path(output)
    if output.resolve() == root.resolve():
        raise ValueError(f"--output is the folder of the images ({output}); give another one.")
    if output.resolve().is_relative_to(root.resolve()):
        # What an earlier run has written is no source.
        files = [p for p in files if not p.resolve().is_relative_to(output.resolve())]
        left_out = [lost for lost in left_out if not lost.path.is_relative_to(output)]
    what = describe_left_out(left_out, root)
    if not files:
        shown = ", ".join(endings)
        raise ValueError(f"{source}: no images ({shown}) found{(what and f'; {what}') or ''}.")
    if what:
        log(f"{source}: {what}")
    taken: dict[str, list[Path]] = {}
    for file in files:
        taken.setdefault(next(m.name for m in media if m.takes(file)), []).append(file)
    plans = []
    for medium in media:
        if names := [file.relative_to(root) for file in taken.get(medium.name, [])]:
            jobs = [_job(name, root, output, medium) for name in names]
            plans.append(Plan(medium, choose(medium), jobs))
            _check_writers(plans[-1])
    return plans


def _job(name: Path, root: Path, output: Path, medium: Medium) -> Job:
    return Job(root / name, (output / name).with_suffix(".png"), len(name.parts) - 1, medium)


def _check_writers(plan: Plan) -> None:
    """Raises where two images would write the same file, or one the file of all images."""
    formats = plan.medium.formats
    writers: dict[Path, tuple[str, str]] = {}
    for name in dict.fromkeys([*_ALWAYS.intersection(formats), *plan.formats]):
        of_all = isinstance(formats[name], FolderFormat)
        for job in plan.jobs:
            writer = (f"--format={name}", name) if of_all else (str(job.source), "")
            other = writers.setdefault(job.file(name), writer)
            if other != writer:
                raise ValueError(f"{other[0]} and {writer[0]} would both write {job.file(name)}.")


def jobs_to_do(
    jobs: Sequence[Job],
    formats: Sequence[str] = ("png",),
    resume: bool = False,
    overwrite: bool = False,
) -> list[Job]:
    """Leaves out jobs that are finished, and refuses to replace files of others.

    Args:
        jobs: from `plan_jobs`.
        formats: rows of `PREDICTION_FORMATS`.
        resume: leave out images whose outputs an earlier run has written.
        overwrite: also replace files that no such run has written.

    Returns:
        The jobs that are left.

    Raises:
        ValueError: an output is there that no such run has written.
    """
    outputs = {file: is_own for job in jobs for file, is_own in job.outputs(formats).items()}
    check_outputs(outputs, overwrite)
    if not resume:
        return list(jobs)
    listed = _listed(jobs, formats)
    return [
        job
        for job in jobs
        if not (job.is_finished(formats) and all(job.name in names for names in listed))
    ]


def _listed(jobs: Sequence[Job], formats: Sequence[str]) -> list[set[str]]:
    """Returns the names of the images that each file of all images holds."""
    listed = []
    for name in formats if jobs else ():
        format = jobs[0].medium.formats[name]
        if isinstance(format, FolderFormat):
            file = jobs[0].file(name)
            listed.append(format.names(file) if format.is_own(file) else set())
    return listed


def find_images(
    source: str | os.PathLike, endings: Sequence[str] = IMAGES.endings
) -> tuple[Path, FoundImages]:
    """Finds the images of a file, a folder (with its sub-folders) or a pattern.

    Args:
        source: what exists under this very name, such as a folder `run[1]`, is no pattern.
        endings: of the names of files that count, in small letters.

    Returns:
        The folder that holds them all, and the images and what is left out.

    Raises:
        ValueError: the pattern goes up (`..`) behind its first wildcard.
    """
    path = user_path(source)
    if path.is_dir():
        return path, scan_folder(path, endings)
    if path.exists():
        return path.parent, FoundImages([path], [])
    # Sub-folders are kept below the folder in front of the first wildcard.
    root, pattern = Path(), list(path.parts)
    while pattern and (not glob.has_magic(pattern[0]) or os.path.exists(root / pattern[0])):
        root /= pattern.pop(0)
    if not pattern:
        return path.parent, FoundImages([], [])
    if ".." in pattern:
        raise ValueError(f"{source}: .. behind a wildcard leaves the folder of the images.")
    found = glob.glob(str(Path(*pattern)), root_dir=root, recursive=True)
    return root, choose_images([root / path for path in found], root, endings)
