"""Validates image/label pairs."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from deeplab_tf.data.encoded import allowed_ids
from deeplab_tf.data.image import TURNED
from deeplab_tf.data.palette import CONTRADICTED
from deeplab_tf.data.spec import DataError, DatasetSpec

# Part of a problem's text -> advice for all files that have it, printed once.
_ADVICE = {
    TURNED: "{} image(s) stored turned: labels belong to upright images. Turn the pixels "
    "where the label is upright, or remove the orientation (exiftool -Orientation= FILE) where "
    "the label fits the pixels as they are stored.",
    CONTRADICTED: "{} label(s) whose palette contradicts dataset.json: where the colours are "
    "right, tools/doctor.py --fix writes the data set with their ids into a new folder; where the "
    "ids are right, give dataset.json their palette or none.",
}


class Label(NamedTuple):
    """The label of an example.

    Attributes:
        name: what messages call it; the path where it is a file.
        read: returns its ids, or raises a DataError that says why it cannot.
    """

    name: str
    read: Callable[[], np.ndarray]


def inspect_example(
    read_image: Callable[[tuple[int, ...] | None], np.ndarray],
    label: Label | None,
    spec: DatasetSpec,
) -> tuple[list[str], np.ndarray | None, np.ndarray | None]:
    """Reads an example and lists all that is wrong with it.

    Args:
        read_image: returns uint8 ``[height, width, 3]`` for the label's height and width (None
            where no label can be read), or raises a DataError that says why it cannot.
        label: gives integers ``[height, width]``; None for an image without a label.
        spec: says which ids there are.

    Returns:
        The problems, then what was read, None for what could not be.
    """
    problems: list[str] = []
    ids = pixels = None
    try:
        ids = label and label.read()
    except DataError as error:
        problems += map(str, error.args)
    try:
        pixels = read_image(None if ids is None else ids.shape)
    except DataError as error:
        problems[:0] = map(str, error.args)
    if label is None or ids is None:
        return problems, pixels, ids
    if pixels is not None and pixels.shape[:2] != ids.shape:
        problems.append(
            f"{label.name}: the label is {ids.shape} (height, width), its image {pixels.shape[:2]}."
        )
    problems += _id_problem(label.name, ids, spec)
    return problems, pixels, ids


def _id_problem(name: str, ids: np.ndarray, spec: DatasetSpec) -> list[str]:
    bad = ((ids < 0) | (ids >= spec.num_classes)) & (ids != spec.ignore_label)
    if not bad.any():
        return []
    return [f"{name}: label id {count_values(ids[bad])} is {allowed_ids(spec)}."]


def check_examples(
    where: str,
    total: int,
    limit: int | None,
    problems_of: Callable[[int], list[str]],
    known: Sequence[str] = (),
) -> None:
    """Validates the examples of a split in parallel threads.

    Args:
        where: what the report calls the split.
        total: number of examples.
        limit: check so many only, spread evenly.
        problems_of: returns the problems of an example.
        known: problems found already.

    Raises:
        DataError: one report of all that is wrong.
    """
    count = total if limit is None else min(limit, total)
    chosen = np.linspace(0, total - 1, count).round().astype(int)
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        found = [text for texts in pool.map(problems_of, chosen) for text in texts]
    raise_report(f"{where}: {{}} problem(s) found in {count} examples", [*known, *found])


def raise_report(title: str, problems: Sequence[str]) -> None:
    """Raises one DataError that lists the problems, if there are any.

    Args:
        title: its first line; ``{}`` becomes their number.
        problems: one line each. What to do about those of some kinds follows behind them.
    """
    if problems:
        lines = [f"{title.format(len(problems))}:", *problems]
        for kind, advice in _ADVICE.items():
            count = sum(kind in problem for problem in problems)
            lines += [advice.format(count)] * (count > 0)
        raise DataError("\n  ".join(lines))


def count_values(values: np.ndarray) -> str:
    """Lists the first values that occur, each with its number of pixels.

    Example:
        >>> count_values(np.array([7, 9, 7]))
        '7 (2 pixels), 9 (1 pixels)'
    """
    found, counts = np.unique(values, return_counts=True)
    shown = [f"{v} ({c} pixels)" for v, c in zip(found[:5], counts[:5], strict=True)]
    return ", ".join(shown) + (f" and {len(found) - 5} more" if len(found) > 5 else "")
