"""Writes TensorBoard's event files without the package tensorboard; a restart doubles no point."""

from __future__ import annotations

import io
import os
import re
import socket
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from deeplab_tf.data.files import make_folder, naming_written
from deeplab_tf.data.paths import user_path

_NAME = re.compile(r"events\.out\.tfevents\.(\d+)\.")
# From this version on TensorBoard goes by the beginnings of sessions, not by the order of steps.
_VERSION = "brain.Event:2"


class EventFile:
    """An event file of TensorBoard: scalars, images and histograms by step.

    A run that was interrupted repeats steps. The file begins with a session from the first step
    that it will write, and TensorBoard drops what earlier files of the folder have of this step and
    later ones.

    Args:
        folder: where the file goes, made where it is missing; TensorBoard shows it as one run.
        first_step: number of steps done before.

    Attributes:
        path: the file, whose name comes after those of the event files that are there already.

    Raises:
        OSError: the file cannot be written; the message names it.

    Example:
        >>> import tempfile
        >>> events = EventFile(tempfile.mkdtemp())
        >>> events.scalars(10, {"train/loss": 0.5})
        >>> events.close()
        >>> read = [*tf.compat.v1.train.summary_iterator(str(events.path))]
        >>> read[0].file_version, read[-1].step, read[-1].summary.value[0].simple_value
        ('brain.Event:2', 10, 0.5)
    """

    def __init__(self, folder: str | os.PathLike, first_step: int = 0):
        folder = user_path(folder)
        make_folder(folder)
        before = [int(match[1]) for file in folder.iterdir() if (match := _NAME.match(file.name))]
        # TensorBoard reads files in the order of their names and never goes back.
        stamp = max([int(time.time()), *(number + 1 for number in before)])
        name = f"events.out.tfevents.{stamp:010d}.{socket.gethostname()}.{os.getpid()}"
        self.path: Path = folder / name
        with naming_written(self.path):
            self._writer = tf.io.TFRecordWriter(str(self.path))
        self._write(file_version=_VERSION)
        start = tf.compat.v1.SessionLog(status=tf.compat.v1.SessionLog.START)
        # TensorBoard takes the first beginning of all for that of a new run. Files of version 0.1
        # have none.
        for _ in range(2 if before else 1):
            self._write(step=first_step + 1 if first_step else 0, session_log=start)
        self.flush()

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Writes numbers.

        Args:
            step: number of finished steps.
            values: number by tag, such as `train/loss`.
        """
        found = [tf.compat.v1.Summary.Value(tag=t, simple_value=v) for t, v in values.items()]
        self._write_summary(step, found)

    def images(self, step: int, values: Mapping[str, bytes]) -> None:
        """Writes images.

        Args:
            step: number of finished steps.
            values: the bytes of a PNG by tag.

        Raises:
            ValueError: the bytes are no PNG.
        """
        self._write_summary(step, [_image(tag, png) for tag, png in values.items()])

    def histograms(self, step: int, values: Mapping[str, np.ndarray]) -> None:
        """Writes how the numbers of arrays are distributed.

        Args:
            step: number of finished steps.
            values: array of any shape by tag. Numbers that are not finite are left out, which a
                histogram has no place for.
        """
        arrays = {tag: np.asarray(array, np.float64) for tag, array in values.items()}
        finite = {tag: array[np.isfinite(array)] for tag, array in arrays.items()}
        self._write_summary(step, [_histogram(tag, a) for tag, a in finite.items() if a.size])

    def flush(self) -> None:
        """Makes what was written visible to readers."""
        with naming_written(self.path):
            self._writer.flush()

    def close(self) -> None:
        """Closes the file."""
        with naming_written(self.path):
            self._writer.close()

    def _write_summary(self, step: int, values: list[tf.compat.v1.Summary.Value]) -> None:
        if values:
            self._write(step=step, summary=tf.compat.v1.Summary(value=values))

    def _write(self, **content: object) -> None:
        event = tf.compat.v1.Event(wall_time=time.time(), **content)
        with naming_written(self.path):
            self._writer.write(event.SerializeToString())


def _image(tag: str, png: bytes) -> tf.compat.v1.Summary.Value:
    try:
        with Image.open(io.BytesIO(png), formats=["PNG"]) as header:
            (width, height), channels = header.size, len(header.getbands())
    except OSError as error:
        raise ValueError(f"{tag}: no PNG ({error}). Encode the image as PNG.") from error
    image = tf.compat.v1.Summary.Image(
        height=height, width=width, colorspace=channels, encoded_image_string=png
    )
    return tf.compat.v1.Summary.Value(tag=tag, image=image)


def _histogram(tag: str, numbers: np.ndarray) -> tf.compat.v1.Summary.Value:
    with tf.device("CPU:0"):
        summary = tf.raw_ops.HistogramSummary(tag=tag, values=numbers)
    return tf.compat.v1.Summary.FromString(summary.numpy()).value[0]
