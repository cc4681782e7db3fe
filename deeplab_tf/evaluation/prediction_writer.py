"""Writes an image's labels in the formats that are wanted."""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence

from deeplab_tf.data.files import write_atomically
from deeplab_tf.evaluation.prediction_formats import (
    PREDICTION_FORMATS,
    FolderFormat,
    LabelledImage,
)
from deeplab_tf.evaluation.prediction_formats.output_format import OpenFolderFile
from deeplab_tf.evaluation.prediction_jobs import Job

# After these no other image can be written either.
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def write_prediction(
    job: Job,
    image: LabelledImage,
    formats: Sequence[str] = ("png",),
    folder_files: Mapping[str, OpenFolderFile] | None = None,
) -> str | None:
    """Writes the files of an image.

    Args:
        job: the files.
        image: with all that the formats need.
        formats: rows of `PREDICTION_FORMATS`.
        folder_files: the open file of every format that has one for all images.

    Returns:
        What is wrong if a file cannot be written, else None.

    Raises:
        OSError: the disk is full, so that nothing else can be written either.
    """
    try:
        for name in formats:
            format = PREDICTION_FORMATS[name]
            if isinstance(format, FolderFormat):
                assert folder_files is not None
                folder_files[name].add(image)
            else:
                assert format.encode is not None
                write_atomically(job.file(name), format.encode(image))
    except OSError as error:
        return written_problem(error)
    return None


def written_problem(error: OSError) -> str:
    """Returns what is wrong with one file; raises the error where it concerns all of them."""
    if error.errno in _DISK_ERRORS:
        raise error
    return f"{error.filename}: {error.strerror}"
