"""Writes frames as an MP4 one by one."""

from __future__ import annotations

import os
from fractions import Fraction

import av
import numpy as np

from deeplab_tf.data.own_files import PREDICTION
from deeplab_tf.evaluation.videos.video_formats import MARK_TAG

# Of H.264, where lower is better and 23 the default: edges of labels stay sharp.
_QUALITY = {"crf": "18"}
# At least so many units of time make a second.
_UNITS = 10_000
# The number of ITU-R BT.709, by which players turn brightness and colour into RGB.
_BT709 = 1


class VideoWriter:
    """An MP4 of H.264.

    Frames whose sides are even have their colours stored at half the size (4:2:0), which every
    player reads. Odd sides cannot be halved; colours are stored in full (4:4:4) there.

    Args:
        path: the file; its ending does not matter.
        height: of every frame, in pixels.
        width: of every frame.
        rate: frames a second.
        pixel_aspect: width of a pixel divided by its height.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        height: int,
        width: int,
        rate: Fraction,
        pixel_aspect: Fraction = Fraction(1),
    ):
        self._container = av.open(os.fspath(path), "w", format="mp4")
        self._container.metadata[MARK_TAG] = PREDICTION
        self._stream = self._container.add_stream("libx264", rate=rate, options=_QUALITY)
        self._stream.width, self._stream.height = width, height
        self._stream.pix_fmt = "yuv420p" if height % 2 == width % 2 == 0 else "yuv444p"
        # In these units every frame of a constant rate lasts a whole number of them.
        self._unit = Fraction(1, rate.numerator * -(-_UNITS // rate.numerator))
        self._duration = int(1 / rate / self._unit)
        self._last = -1
        codec = self._stream.codec_context
        codec.time_base = self._unit
        codec.sample_aspect_ratio = pixel_aspect
        codec.colorspace = codec.color_primaries = codec.color_trc = _BT709

    def write(self, pixels: np.ndarray, time: Fraction) -> None:
        """Writes a frame.

        Args:
            pixels: uint8 RGB [H, W, 3].
            time: when it is shown, in seconds.
        """
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
        frame = frame.reformat(format=self._stream.pix_fmt, dst_colorspace="ITU709")
        self._last = max(round(time / self._unit), self._last + 1)  # players want them to rise
        frame.pts, frame.time_base, frame.duration = self._last, self._unit, self._duration
        self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Writes what is left, and closes the file."""
        self._container.mux(self._stream.encode())
        self._container.close()

    def close(self) -> None:
        """Closes the file, which is then not whole; after `finish`, does nothing."""
        self._container.close()
