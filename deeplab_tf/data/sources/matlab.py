"""Reads MATLAB files, which some archives keep their labels in."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from deeplab_tf.data.spec import DataError


def whole_ids(values: Any) -> np.ndarray:
    """Converts the ids of a MATLAB file, which may be stored as any number type.

    Args:
        values: numbers.

    Returns:
        int32, of the same shape.

    Raises:
        ValueError: when there are others than whole numbers, which would be cut off silently.
    """
    values = np.asarray(values)
    with np.errstate(invalid="ignore"):
        ids = values.real.astype(np.int32)
    if not np.array_equal(ids, values):
        raise ValueError("ids that are no whole numbers")
    return ids


def require_scipy() -> None:
    """Raises before any work if MATLAB files cannot be read.

    Raises:
        DataError: when SciPy is missing; the message names the extra that brings it.
    """
    try:
        import scipy.io  # noqa: F401
    except ImportError:
        raise DataError(
            "This data set's labels are MATLAB files, which SciPy reads. "
            "Install the extra 'datasets': pip install 'deeplab_tf[datasets]'."
        ) from None


@contextlib.contextmanager
def naming_unknown_layout(path: Path) -> Iterator[None]:
    """Adds the file's name to errors about its content.

    Raises:
        DataError: when the block fails because something is missing in the file or of a wrong kind.
    """
    try:
        yield
    except DataError:
        raise
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        raise DataError(f"{path}: not laid out as in the published archive ({error}).") from None


def read_mat(path: Path, variable: str) -> Any:
    """Reads a variable of a MATLAB file; structures become objects with attributes.

    Raises:
        DataError: when the file cannot be read or has no such variable; the message names it.
    """
    from scipy.io import loadmat

    try:
        contents = io.BytesIO(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from None
    try:
        values = loadmat(contents, squeeze_me=True, struct_as_record=False)
    except Exception as error:  # SciPy has no one error for a file that is broken
        raise DataError(f"{path}: broken or no MATLAB file ({error}).") from None
    if variable not in values:
        known = ", ".join(name for name in values if not name.startswith("__"))
        raise DataError(f"{path}: has no variable {variable!r}, but {known or 'none'}.")
    return values[variable]
