"""Dead letters: the images that could not be labelled, as lines of JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from deeplab_tf.evaluation.beam import storage

_KEYS = {"path", "name", "reason"}


class DeadLetter(NamedTuple):
    """An image that could not be labelled.

    Attributes:
        path: its file, address or row.
        name: as outputs have it.
        reason: why.
    """

    path: str
    name: str
    reason: str


def dead_letter(path: str, name: str, error: Exception | str) -> DeadLetter:
    """Makes the letter of an image of what went wrong, without the path that messages have."""
    return DeadLetter(path, name, str(error).removeprefix(f"{path}: "))


def write_dead_letters(file: str, letters: Sequence[DeadLetter]) -> None:
    """Writes letters, one a line; where there are none, there is no file afterwards.

    Raises:
        OSError: the file cannot be written.
    """
    if letters:
        lines = [json.dumps(letter._asdict()) + "\n" for letter in letters]
        storage.write_bytes(file, "".join(lines).encode())
    else:
        storage.remove(file)


def read_dead_letters(file: str | os.PathLike) -> list[DeadLetter]:
    """Reads what `write_dead_letters` wrote.

    Args:
        file: of one shard.

    Raises:
        ValueError: it holds something else.
        OSError: it cannot be read.
    """
    lines = storage.read_bytes(os.fspath(file)).decode().splitlines()
    try:
        return [DeadLetter(**json.loads(line)) for line in lines]
    except (TypeError, ValueError):
        raise ValueError(f"{file}: no dead letters of predict_beam.py.") from None


def are_dead_letters(file: Path) -> bool:
    """Returns whether a file begins as `write_dead_letters` writes it."""
    try:
        with open(file, encoding="utf-8") as opened:
            first = json.loads(opened.readline())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(first, dict) and set(first) == _KEYS
