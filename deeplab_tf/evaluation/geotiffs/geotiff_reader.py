"""Reads windows of a GeoTIFF as RGB."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import rasterio
from rasterio.enums import ColorInterp
from rasterio.windows import Window

from deeplab_tf.data.spec import DataError

_CHANNELS = 3


class GeoTiffReader:
    """The bands of a GeoTIFF that the network sees, window by window.

    Args:
        path: the file.
        bands: numbers of three bands, from 1, in the order red, green, blue; None for all of a
            file that has three besides an alpha channel.
        log: receives a line about values of 16 bits.

    Attributes:
        height: in pixels.
        width: in pixels.
        georeference: what `rasterio.open` takes to write a file of the same place.
        ground_control: points and their projection, where the file has them instead of a transform.

    Raises:
        DataError: it cannot be read, has other bands, or values that are no colours; the message
            names the file.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        bands: Sequence[int] | None = None,
        log: Callable[[str], None] = print,
    ):
        self._path, self._log = path, log
        with self._readable(), warnings.catch_warnings():
            # Without a georeference there is none to keep.
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            self._file = rasterio.open(path)
        try:
            self._bands = self._chosen(bands)
            self._levels = self._reduction()
        except DataError:
            self.close()
            raise
        self.height, self.width = self._file.shape
        self.georeference: dict[str, Any] = {
            "crs": self._file.crs, "transform": self._file.transform,
        }  # fmt: skip
        self.ground_control = self._file.gcps

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def read(self, rows: slice, columns: slice) -> tuple[np.ndarray, np.ndarray]:
        """Reads a window.

        Args:
            rows: first row and the one behind the last.
            columns: the same of columns.

        Returns:
            uint8 RGB [H, W, 3], and bool [H, W]: which pixels hold anything.

        Raises:
            DataError: the file is broken there.
        """
        window = Window.from_slices(rows, columns)
        with self._readable(), warnings.catch_warnings():
            # Where there is a no-data value, alpha does not count.
            warnings.simplefilter("ignore", rasterio.errors.NodataShadowWarning)
            pixels = self._levels(self._file.read(self._bands, window=window))
            valid = self._file.dataset_mask(window=window) > 0
        return np.ascontiguousarray(np.moveaxis(pixels, 0, -1)), valid

    def _chosen(self, bands: Sequence[int] | None) -> list[int]:
        """Returns the numbers of the bands to read."""
        names = self._file.colorinterp
        if bands is None:
            bands = [i for i, name in enumerate(names, start=1) if name != ColorInterp.alpha]
            if len(bands) != _CHANNELS:
                raise DataError(
                    f"{self._path}: has {len(bands)} band(s), and the network sees {_CHANNELS}. "
                    "Name those for red, green and blue, such as --bands=3,2,1."
                )
        wrong = [band for band in bands if not 1 <= band <= self._file.count]
        if wrong:
            raise DataError(f"{self._path}: has bands 1 to {self._file.count}, none {wrong[0]}.")
        return list(bands)

    def _reduction(self) -> Callable[[np.ndarray], np.ndarray]:
        """Returns what makes bytes of the stored values."""
        types = {self._file.dtypes[band - 1] for band in self._bands}
        if types == {"uint8"}:
            return lambda values: values
        if types != {"uint16"}:
            raise DataError(
                f"{self._path}: holds {', '.join(sorted(types))}; 8 or 16 bits without sign are "
                "colours. Convert it with gdal_translate -ot Byte -scale."
            )
        # Sensors use 10 to 16 of the bits. One factor for the whole file, so that windows agree.
        highest = self._highest()
        used = max(8, highest.bit_length())
        self._log(
            f"{self._path}: 16 bits with values up to {highest}, divided by {2 ** (used - 8)}"
        )
        return lambda values: (values >> (used - 8)).astype(np.uint8)

    def _highest(self) -> int:
        """Returns the highest value, block by block."""
        highest = 0
        with self._readable():
            for _, window in self._file.block_windows(self._bands[0]):
                values = self._file.read(self._bands, window=window, masked=True)
                highest = max(highest, int(values.max() if values.count() else 0))
        return highest

    @contextlib.contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except rasterio.errors.RasterioError as error:
            reason = str(error.__cause__ or error).split("\n")[0]
            raise DataError(f"{self._path}: cannot be read ({reason}).") from None
