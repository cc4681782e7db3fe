"""How GeoTIFF files are known, and what is written for them."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL.TiffImagePlugin import ImageFileDirectory_v2

from deeplab_tf.data.own_files import PREDICTION
from deeplab_tf.evaluation.prediction_formats.output_format import FileFormat

GEOTIFF_ENDINGS = (".tif", ".tiff")
# Tags of the TIFF that say where on earth it lies: pixel scale, tie points, matrix, projection.
_GEOREFERENCE = {33550, 33922, 34264, 34735}
_SOFTWARE = 305
# The version in the header of a BigTIFF, little and big end first.
_BIG = (b"\x2b\0", b"\0\x2b")


def is_geotiff(path: Path) -> bool:
    """Returns whether a file is a TIFF with a georeference."""
    return path.suffix.lower() in GEOTIFF_ENDINGS and not _GEOREFERENCE.isdisjoint(_tags(path))


def parse_bands(texts: Sequence[str] | None) -> list[int] | None:
    """Returns the numbers of bands that were given as texts, None for none.

    Raises:
        ValueError: they are not three numbers from 1.

    Example:
        >>> parse_bands(["4", "3", "2"])
        [4, 3, 2]
    """
    if texts is None:
        return None
    if len(texts) != 3 or not all(text.strip().isdecimal() and int(text) > 0 for text in texts):
        raise ValueError(
            "--bands takes the numbers of three bands for red, green and blue, from 1, such as "
            f"3,2,1. Received: {','.join(texts) or 'nothing'}"
        )
    return [int(text) for text in texts]


def is_own_geotiff(path: Path) -> bool:
    """Returns whether a file is a TIFF that names this library as the software."""
    return PREDICTION in str(_tags(path).get(_SOFTWARE, ""))


def _tags(path: Path) -> Mapping:
    """Reads the tags of a TIFF, of whatever bands and numbers; none where it is no TIFF."""
    try:
        with warnings.catch_warnings(), open(path, "rb") as file:
            warnings.simplefilter("ignore")
            header = file.read(8)
            if header[2:4] in _BIG:
                header += file.read(8)
            tags = ImageFileDirectory_v2(header)
            file.seek(tags.next)
            tags.load(file)
            return tags
    except (OSError, SyntaxError, ValueError, TypeError, struct.error):
        return {}


GEOTIFF_FORMATS: dict[str, FileFormat] = {
    "geotiff": FileFormat(
        "STEM.tif, ids with a colour table and the file's georeference",
        ".tif",
        is_own_geotiff,
        packages=("rasterio",),
        extra="geo",
    ),
}
