"""`metrics.json`: the results of an evaluation as a file."""

from __future__ import annotations

import glob
import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from deeplab_tf.data.files import write_atomically
from deeplab_tf.data.json_file import read_json
from deeplab_tf.data.paths import DataError, user_path

FILE_NAME = "metrics.json"
# Counts of 255 classes in 40 trimaps before and after the CRF, mostly zeros, have 26 MB.
LARGEST_BYTES = 128 * 2**20
# A list without lists, as json.dumps indents it. Names in it have no line breaks: JSON has none.
_FLAT_LIST = re.compile(r"\[\n\s+([^\[\]{}\"]*?)\s*\n\s*\]")


def write_metrics(results: Mapping[str, Any], path: str | os.PathLike) -> None:
    """Writes the results of an evaluation.

    Args:
        results: of `evaluate`, with `split` in front.
        path: of the file.
    """
    text = _FLAT_LIST.sub(_on_one_line, json.dumps(results, indent=2))
    write_atomically(path, f"{text}\n".encode())


def _on_one_line(flat_list: re.Match) -> str:
    return "[" + " ".join(flat_list[1].split()) + "]"


def is_metrics_file(path: Path) -> bool:
    """Returns whether a file holds the results of an evaluation."""
    try:
        results = read_json(path, LARGEST_BYTES)
    except (OSError, ValueError):
        return False
    return isinstance(results, dict) and {"split", "images", "seconds"} <= set(results)


def read_metrics(path: str | os.PathLike) -> dict[str, Any]:
    """Reads the results of an evaluation.

    Args:
        path: of the file.

    Raises:
        DataError: it cannot be read or holds something else; the message names it.
    """
    try:
        results = read_json(user_path(path), LARGEST_BYTES)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}.") from None
    except ValueError as error:
        raise DataError(str(error)) from None
    if not isinstance(results, dict):
        raise DataError(f"{path}: not a metrics.json of evaluate.py.")
    return results


def find_metrics_files(patterns: Iterable[str], output: Path) -> list[str]:
    """Returns the files that paths and patterns name, each once.

    Args:
        patterns: what is there under this very name is no pattern.
        output: what is going to be written; it is not among what a pattern finds.

    Raises:
        DataError: there is no such file.
    """
    found: dict[str, None] = {}
    for pattern in patterns:
        files = [pattern] if os.path.lexists(pattern) else sorted(glob.glob(pattern))
        if not files:
            raise DataError(f"{pattern}: no such file.")
        if files != [pattern]:
            files = [file for file in files if Path(file).resolve() != output.resolve()]
        found.update(dict.fromkeys(files))
    return [*found]
