"""Reads JSON from untrusted files, with bounds on its size and depth."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

# The largest file of this library, a CRF's compatibility of 255 x 255 labels, has 2 MB.
LARGEST_BYTES = 16 * 2**20
# The deepest is a list within a list within a section.
LARGEST_DEPTH = 32


def parse_json(
    text: str | bytes, source: str | os.PathLike, largest_bytes: int = LARGEST_BYTES
) -> Any:
    """Parses JSON whose size and depth have bounds.

    Args:
        text: the JSON, UTF-8 if it is bytes.
        source: what error messages call it.
        largest_bytes: at most so many are read.

    Raises:
        ValueError: it is no JSON, too large, or nested too deeply.

    Example:
        >>> parse_json("[1, 2]", "numbers.json")
        [1, 2]
    """
    if len(text) > largest_bytes:
        raise ValueError(f"{source}: {len(text)} bytes of JSON, at most {largest_bytes} are read.")
    try:
        value = json.loads(text)
    except RecursionError:
        raise _too_deep(source) from None
    except ValueError as error:  # no JSON, no UTF-8, or a number of thousands of digits
        raise ValueError(f"{source}: not valid JSON ({error}).") from None
    level = [value]
    for _ in range(LARGEST_DEPTH):
        level = [child for item in level for child in _children(item)]
        if not level:
            return value
    raise _too_deep(source)


def read_json(path: str | os.PathLike, largest_bytes: int = LARGEST_BYTES) -> Any:
    """Reads a JSON file with the bounds of `parse_json`.

    Args:
        path: of the file.
        largest_bytes: at most so many are read.

    Raises:
        ValueError: as `parse_json`.
        OSError: the file cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            text = file.read(largest_bytes + 1)
    except OSError as error:  # one of reading, as of a broken disk, does not name the file
        raise OSError(error.errno, error.strerror, str(path)) from error
    return parse_json(text, path, largest_bytes)


def _children(value: Any) -> Iterable:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _too_deep(source: str | os.PathLike) -> ValueError:
    return ValueError(f"{source}: nested more than {LARGEST_DEPTH} levels deep.")
