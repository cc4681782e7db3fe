"""Plans the labelling of files: which images are read, which files are written for each."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from deeplab_tf.data.image_files import (
    IMAGE_ENDINGS,
    FoundImages,
    choose_images,
    describe_left_out,
    scan_folder,
)
from deeplab_tf.data.own_files import PREDICTION, check_outputs, is_png_of
from deeplab_tf.data.paths import user_path


class Job(NamedTuple):
    """One image to label, and the files to write for it.

    Attributes:
        source: the image.
        target: the label PNG.
    """

    source: Path
    target: Path

    @property
    def overlay(self) -> Path:
        """The PNG of the image with its labels painted over it."""
        return self.target.with_name(f"{self.target.stem}_overlay.png")

    def outputs(self, overlay: bool) -> list[Path]:
        """Returns the files that are written: the label PNG and, if wanted, the overlay."""
        return [self.target, self.overlay] if overlay else [self.target]

    def is_finished(self, overlay: bool) -> bool:
        """Returns whether all outputs exist and are ours; they appear only when complete."""
        return all(map(is_png_of(PREDICTION), self.outputs(overlay)))


def plan_jobs(
    source: str | os.PathLike, output: str | os.PathLike, log: Callable[[str], None] = print
) -> list[Job]:
    """Plans which images are labelled and which files are written.

    Args:
        source: a file, a folder (with its sub-folders) or a pattern.
        output: folder for the label PNGs; sub-folders of a source folder are kept. What lies in
            an output folder below the source folder is no source.
        log: receives a line that counts and names what is left out.

    Returns:
        The jobs, sorted by source.

    Raises:
        ValueError: there are no images, two would write the same file, or the output folder is
            the input folder.
    """
    root, found = find_images(source)
    output = user_path(output)
    if output.resolve() == root.resolve():
        raise ValueError(f"--output is the folder of the images ({output}); give another one.")
    images, left_out = found
    if output.resolve().is_relative_to(root.resolve()):
        # What an earlier run has written is no source.
        images = [p for p in images if not p.resolve().is_relative_to(output.resolve())]
        left_out = [lost for lost in left_out if not lost.path.is_relative_to(output)]
    what = describe_left_out(left_out, root)
    if not images:
        endings = ", ".join(IMAGE_ENDINGS)
        raise ValueError(f"{source}: no images ({endings}) found{(what and f'; {what}') or ''}.")
    if what:
        log(f"{source}: {what}")
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
    """Leaves out jobs that are finished, and refuses to replace files of others.

    Args:
        jobs: from `plan_jobs`.
        overlay: whether overlays are written too.
        resume: leave out images whose outputs an earlier run has written.
        overwrite: also replace files that no such run has written.

    Returns:
        The jobs that are left.

    Raises:
        ValueError: an output is there that no such run has written.
    """
    files = [file for job in jobs for file in job.outputs(overlay)]
    check_outputs(dict.fromkeys(files, is_png_of(PREDICTION)), overwrite)
    return [job for job in jobs if not (resume and job.is_finished(overlay))]


def find_images(source: str | os.PathLike) -> tuple[Path, FoundImages]:
    """Finds the images of a file, a folder (with its sub-folders) or a pattern.

    Args:
        source: what exists under this very name, such as a folder `run[1]`, is no pattern.

    Returns:
        The folder that holds them all, and the images and what is left out.

    Raises:
        ValueError: the pattern goes up (`..`) behind its first wildcard.
    """
    path = user_path(source)
    if path.is_dir():
        return path, scan_folder(path)
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
    return root, choose_images([root / path for path in found], root)
