"""The kinds of files that are labelled: by which name they are known, what is written for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from deeplab_tf.data.image_files import IMAGE_ENDINGS
from deeplab_tf.evaluation.geotiffs.geotiff_formats import (
    GEOTIFF_ENDINGS,
    GEOTIFF_FORMATS,
    is_geotiff,
)
from deeplab_tf.evaluation.prediction_formats import PREDICTION_FORMATS
from deeplab_tf.evaluation.prediction_formats.output_format import (
    FileFormat,
    FolderFormat,
    require_packages,
)
from deeplab_tf.evaluation.videos.video_formats import VIDEO_ENDINGS, VIDEO_FORMATS


class Medium(NamedTuple):
    """A kind of files.

    Attributes:
        name: of several such files.
        endings: of their names, in small letters.
        takes: tells whether a file of these endings is one.
        formats: what can be written for them, by its name in `--format`.
        default: what is written where nothing is asked for.
    """

    name: str
    endings: tuple[str, ...]
    takes: Callable[[Path], bool]
    formats: Mapping[str, FileFormat | FolderFormat]
    default: str

    def choose(self, names: Sequence[str] | None = None, overlay: bool = False) -> tuple[str, ...]:
        """Returns formats, each once, after checking that they can be written.

        Args:
            names: keys of `formats`; None for the default.
            overlay: whether `overlay` is wanted too.

        Raises:
            ValueError: there is no such format, or none at all.
            ImportError: a package is missing; the message names the extra.
        """
        chosen = [*([self.default] if names is None else names), *(["overlay"] if overlay else [])]
        unknown = [name for name in chosen if name not in self.formats]
        if unknown or not chosen:
            raise ValueError(
                f"--format of {self.name} takes some of {', '.join(self.formats)}. "
                f"Received: {', '.join(unknown) or 'nothing'}"
            )
        for name in chosen:
            require_packages(name, self.formats[name])
        return tuple(dict.fromkeys(chosen))


IMAGES = Medium("images", IMAGE_ENDINGS, lambda _: True, PREDICTION_FORMATS, "png")
VIDEOS = Medium(
    "videos",
    VIDEO_ENDINGS,
    lambda path: path.suffix.lower() in VIDEO_ENDINGS,
    VIDEO_FORMATS,
    "overlay",
)
GEOTIFFS = Medium("GeoTIFF files", GEOTIFF_ENDINGS, is_geotiff, GEOTIFF_FORMATS, "geotiff")


def media_with(bands: Sequence[int] | None = None) -> tuple[Medium, ...]:
    """Returns all media, in the order in which a file is offered to them.

    Args:
        bands: that were chosen of GeoTIFF files: every TIFF is then read as these are. None
            for none.
    """
    return (VIDEOS, GEOTIFFS._replace(takes=_is_tiff) if bands is not None else GEOTIFFS, IMAGES)


def _is_tiff(path: Path) -> bool:
    return path.suffix.lower() in GEOTIFF_ENDINGS
