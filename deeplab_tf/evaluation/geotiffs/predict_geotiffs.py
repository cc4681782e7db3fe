"""Labels GeoTIFF files window by window."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import rasterio
from rasterio.windows import Window

from deeplab_tf.data.files import whole_file
from deeplab_tf.data.own_files import PREDICTION
from deeplab_tf.data.spec import DataError, DatasetSpec, palette_bytes
from deeplab_tf.evaluation.class_choice import choose_classes
from deeplab_tf.evaluation.geotiffs.geotiff_reader import GeoTiffReader
from deeplab_tf.evaluation.prediction_jobs import Job
from deeplab_tf.evaluation.prediction_writer import written_problem
from deeplab_tf.evaluation.predictor import Predictor
from deeplab_tf.evaluation.tiles import WHOLE_PIXELS, Span

# Side of the blocks that the written file consists of.
_BLOCK = 256
# GDAL does not say why a file cannot be written. With fewer bytes free than these the disk is full.
_FULL_DISK = 2**20


def predict_geotiffs(
    predictor: Predictor,
    spec: DatasetSpec,
    jobs: Iterable[Job],
    bands: Sequence[int] | None = None,
    classes: Sequence[str] | None = None,
    progress: Callable[[Iterable, int], Iterable] = lambda tiles, total: tiles,
) -> list[str]:
    """Labels GeoTIFF files; one that is broken or cannot be written does not stop the others.

    A file gets the labels that its pixels get as an image, but no more of it is held at a time than
    the tiles beside each other. Labels lie where the file does, and have a colour table. Pixels
    that hold nothing (no-data, alpha 0) get the ignore label, which is the no-data value of labels.

    Args:
        predictor: what labels.
        spec: names and colours of the classes.
        jobs: of GeoTIFF files, from `plan_media`.
        bands: numbers of three bands, see `GeoTiffReader`.
        classes: names of the classes to write, see `choose_classes`; None for all.
        progress: wraps the tiles of a file, whose number is given, such as a progress bar.

    Returns:
        One line for every file that could not be read or written, or for which the network's
        logits are not finite.

    Raises:
        ValueError: there is no such class.
        OSError: the disk is full, so that nothing else can be written either.
    """
    ids, problems = choose_classes(spec, classes), []
    for job in jobs:
        try:
            with contextlib.closing(GeoTiffReader(job.source, bands)) as source:
                grid = _grid(predictor, source.height, source.width)
                tiles = progress(grid, len(grid))
                with whole_file(job.file("geotiff")) as part:
                    _write(part, source, spec, _labelled(predictor, source, tiles, ids, spec))
        except DataError as error:
            problems.append(str(error))
        except FloatingPointError as error:
            problems.append(f"{job.source}: {error}")
        except OSError as error:
            problems.append(written_problem(error))
    return problems


def _grid(predictor: Predictor, height: int, width: int) -> list[tuple[Span, Span]]:
    """Returns the tiles that are read: those that the predictor would cut, or the whole."""
    if height * width <= WHOLE_PIXELS:
        return [(Span(0, height, 0, height), Span(0, width, 0, width))]
    return list(predictor.grid.tiles(height, width))


def _labelled(
    predictor: Predictor,
    source: GeoTiffReader,
    tiles: Iterable[tuple[Span, Span]],
    ids: np.ndarray,
    spec: DatasetSpec,
) -> Iterator[tuple[Span, Span, np.ndarray]]:
    """Yields tiles with the labels of their cores."""
    for rows, columns in tiles:
        pixels, valid = source.read(rows.computed, columns.computed)
        labels = np.full(valid.shape, spec.ignore_label, np.uint8)
        if valid.any():  # mosaics are mostly empty at their edges
            labels = np.where(valid, ids[predictor(pixels)], labels)
        yield rows, columns, labels[rows.core_in_tile, columns.core_in_tile]


def _write(
    path: Path,
    source: GeoTiffReader,
    spec: DatasetSpec,
    labelled: Iterable[tuple[Span, Span, np.ndarray]],
) -> None:
    """Writes labels, a row of tiles at a time, so that blocks are compressed about once.

    Raises:
        OSError: they cannot be written.
    """
    options = {
        "driver": "GTiff", "count": 1, "dtype": "uint8", "height": source.height,
        "width": source.width, "nodata": spec.ignore_label, "compress": "deflate",
        "tiled": True, "blockxsize": _BLOCK, "blockysize": _BLOCK, "bigtiff": "if_safer",
        **source.georeference,
    }  # fmt: skip
    colors = np.frombuffer(palette_bytes(spec), np.uint8).reshape(256, 3).tolist()
    sums: list[tuple[Window, int]] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            with rasterio.open(path, "w", **options) as target:
                target.write_colormap(1, {i: (*color, 255) for i, color in enumerate(colors)})
                target.update_tags(TIFFTAG_SOFTWARE=PREDICTION)
                points, projection = source.ground_control
                if points:
                    target.gcps = points, projection
                for window, strip in _strips(labelled, source.width):
                    target.write(strip, 1, window=window)
                    sums.append((window, zlib.crc32(strip.data)))
            # GDAL says nothing of what fails when it closes a file, such as on a full disk.
            with rasterio.open(path) as written:
                whole = all(zlib.crc32(written.read(1, window=w)) == total for w, total in sums)
    except rasterio.errors.RasterioError:
        whole = False
    if not whole:
        full = shutil.disk_usage(path.parent).free < _FULL_DISK
        code = errno.ENOSPC if full else errno.EIO
        raise OSError(code, os.strerror(code), str(path))


def _strips(
    labelled: Iterable[tuple[Span, Span, np.ndarray]], width: int
) -> Iterator[tuple[Window, np.ndarray]]:
    """Puts the tiles that lie beside each other together."""
    strip = np.empty([0, 0], np.uint8)
    for rows, columns, labels in labelled:
        if columns.core_start == 0:
            strip = np.empty([len(labels), width], np.uint8)
        strip[:, columns.core] = labels
        if columns.core_stop == width:
            yield Window(0, rows.core_start, width, len(strip)), strip
