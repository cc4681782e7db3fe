"""Reads the frames of a video one by one, upright."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

import av
import numpy as np

from deeplab_tf.data.spec import DataError

# A video is called cut off where it lacks more seconds than this, and this share of its length.
_MISSING_SECONDS, _MISSING_SHARE = 0.2, 0.02


class Frame(NamedTuple):
    """A frame of a video.

    Attributes:
        pixels: uint8 RGB [H, W, 3], upright.
        time: when it is shown, in seconds from the first one.
    """

    pixels: np.ndarray
    time: Fraction


class VideoReader:
    """The frames of a video's first video stream.

    Args:
        path: a video that FFmpeg reads.

    Attributes:
        rate: frames a second.
        pixel_aspect: width of a pixel divided by its height.
        has_sound: whether there is a sound track.
        stored_size: height and width of the frames before they are turned upright.

    Raises:
        DataError: it is no video, or broken from the start; the message names the file.
    """

    def __init__(self, path: str | os.PathLike):
        self._path = path
        try:
            self._container = av.open(os.fspath(path))
        except (av.error.FFmpegError, OSError) as error:
            raise DataError(f"{path}: no video that can be read ({_reason(error)}).") from None
        streams = self._container.streams
        if not streams.video:
            self.close()
            raise DataError(f"{path}: holds no images.")
        self._stream = streams.video[0]
        self._stream.thread_type = "AUTO"
        # Frames of 1/1001 s more are the oddest that films have.
        self.rate = (self._stream.average_rate or Fraction(25)).limit_denominator(1001)
        self._time_base = self._stream.time_base or 1 / self.rate
        self.pixel_aspect = self._stream.sample_aspect_ratio or Fraction(1)
        self.has_sound = bool(streams.audio)
        self.stored_size = (self._stream.height, self._stream.width)

    def close(self) -> None:
        """Closes the file."""
        self._container.close()

    @property
    def count(self) -> int | None:
        """Number of frames as far as the file says, None where it does not."""
        return self._stream.frames or (round(self._seconds() * self.rate) or None)

    def frames(self) -> Iterator[Frame]:
        """Yields the frames in the order in which they are shown.

        Raises:
            DataError: the video is broken or cut off there; the message says how many frames came.
        """
        count, first = 0, None
        size: dict[str, int] = {}
        decoded = self._container.decode(self._stream)
        while True:
            try:
                frame = next(decoded, None)
            except (av.error.FFmpegError, OSError) as error:
                raise self._cut_off(count, _reason(error)) from None
            if frame is None:
                break
            # A stream may change its size; the output cannot.
            size = size or {"width": frame.width, "height": frame.height}
            pixels = frame.reformat(**size, format="rgb24").to_ndarray()
            if frame.pts is not None and first is None:
                first = frame.pts * self._time_base - count / self.rate
            time = self._time(frame.pts, first, count)
            count += 1
            yield Frame(np.ascontiguousarray(np.rot90(pixels, frame.rotation // 90)), time)
        self._check_length(count, float(time + 1 / self.rate) if count else 0.0)

    def _time(self, stored: int | None, first: Fraction | None, count: int) -> Fraction:
        """Returns when a frame is shown: by the constant rate, unless another time is stored.

        Args:
            stored: the time in units of the stream, which may be coarse, such as milliseconds.
            first: when the first frame is shown, in seconds.
            count: number of frames before.
        """
        constant = count / self.rate
        if stored is None or first is None:
            return constant
        time = stored * self._time_base - first
        return constant if abs(time - constant) <= 2 * self._time_base else time

    def _check_length(self, count: int, seconds: float) -> None:
        """Raises where fewer frames came than the file says it has."""
        if count == 0:
            raise DataError(f"{self._path}: holds no frames.")
        if self._stream.frames:
            wanted, seconds = float(self._stream.frames / self.rate), float(count / self.rate)
        else:
            wanted = self._seconds()
        if wanted - seconds > max(_MISSING_SECONDS, _MISSING_SHARE * wanted):
            raise self._cut_off(count, f"{seconds:.1f} s of {wanted:.1f} s")

    def _seconds(self) -> float:
        """Returns the length of the images, 0 where the file does not say it."""
        if self._stream.duration:
            return float(self._stream.duration * self._time_base)
        # Matroska: 00:01:02.500000000
        tag = self._stream.metadata.get("DURATION", "")
        if match := re.fullmatch(r"(\d+):(\d+):([\d.]+)", tag):
            hours, minutes, seconds = map(float, match.groups())
            return 3600 * hours + 60 * minutes + seconds
        # The sound may be longer than the images.
        known = self._container.duration if not self.has_sound else None
        return (known or 0) / av.time_base

    def _cut_off(self, count: int, reason: str) -> DataError:
        return DataError(f"{self._path}: broken or cut off after {count} frames ({reason}).")


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
