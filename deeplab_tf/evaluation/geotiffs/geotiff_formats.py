"""How GeoTIFF files are known, and what is written for them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

from deeplab_tf.data.own_files import PREDICTION
from deeplab_tf.evaluation.prediction_formats.output_format import FileFormat

GEOTIFF_ENDINGS = (".tif", ".tiff")
# Tags of the TIFF that say where on earth it lies: pixel scale, tie points, matrix, projection.
_GEOREFERENCE = {33550, 33922, 34264, 34735}
_SOFTWARE = 305


def is_geotiff(path: Path) -> bool:
    """Returns whether a file is a TIFF with a georeference."""
    return path.suffix.lower() in GEOTIFF_ENDINGS and not _GEOREFERENCE.isdisjoint(_tags(path))


def is_own_geotiff(path: Path) -> bool:
    """Returns whether a file is a TIFF that names this library as the software."""
    return PREDICTION in str(_tags(path).get(_SOFTWARE, ""))


def _tags(path: Path) -> Mapping:
    """Reads the tags of a TIFF, BigTIFF too, without its pixels; none where it is no TIFF."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=["TIFF"]) as image:
                return dict(image.tag_v2)  # type: ignore[attr-defined]
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
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
