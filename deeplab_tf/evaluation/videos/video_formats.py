"""What is written for videos."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from deeplab_tf.data.own_files import PREDICTION
from deeplab_tf.evaluation.prediction_formats.labelled_image import LabelledImage
from deeplab_tf.evaluation.prediction_formats.output_format import FileFormat
from deeplab_tf.evaluation.prediction_formats.pixels_png import color_pixels, overlay_pixels

VIDEO_ENDINGS = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm")
# The tag of an MP4 that PyAV and most players show.
MARK_TAG = "comment"


def is_own_video(path: Path) -> bool:
    """Returns whether a file is a video that this library has marked."""
    import av

    try:
        with av.open(path) as container:
            return container.metadata.get(MARK_TAG) == PREDICTION
    except (av.error.FFmpegError, OSError):
        return False


def _row(output: str, ending: str) -> FileFormat:
    return FileFormat(output, ending, is_own_video, packages=("av",), extra="video")


VIDEO_FORMATS: dict[str, FileFormat] = {
    "overlay": _row("STEM_overlay.mp4, colours over the frames", "_overlay.mp4"),
    "color": _row("STEM_color.mp4, the classes' colours", "_color.mp4"),
}
# What a frame becomes, by the name of the format.
FRAME_PIXELS: dict[str, Callable[[LabelledImage], np.ndarray]] = {
    "overlay": overlay_pixels,
    "color": color_pixels,
}
