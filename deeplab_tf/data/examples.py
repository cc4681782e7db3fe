"""What a picture and its label must fulfil, wherever they are stored."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from deeplab_tf.data.image import decode_image, read_orientation
from deeplab_tf.data.png import decode_label
from deeplab_tf.data.spec import DataError, DatasetSpec


def decode_example(
    image_bytes: tf.Tensor,
    label_bytes: tf.Tensor | None,
    image_name: tf.Tensor,
    label_name: tf.Tensor,
    spec: DatasetSpec,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes a picture and its label inside a graph.

    Args:
        image_bytes: string scalar, JPEG or PNG.
        label_bytes: string scalar, PNG of ids; None for a picture without a label.
        image_name: what errors call the picture.
        label_name: what errors call the label.
        spec: says which ids there are.

    Returns:
        uint8 ``[height, width, 3]`` and int32 ``[height, width]``; without a label all is void.

    Raises:
        tf.errors.InvalidArgumentError: when one is broken, their sizes differ or an id is no
            class.
    """
    image = decode_image(image_bytes, image_name)
    if label_bytes is None:
        return image, tf.fill(tf.shape(image)[:2], spec.ignore_label)
    label = decode_label(label_bytes, label_name)
    with tf.control_dependencies(_assertions(image, label, label_name, spec)):
        return image, tf.identity(label)


def _assertions(image: tf.Tensor, label: tf.Tensor, name: tf.Tensor, spec: DatasetSpec) -> list:
    sizes = tf.shape(label), tf.shape(image)[:2]
    unfit = tf.strings.format("the label is {} (height, width), its image {}", sizes)
    worst = tf.reduce_max(tf.where(tf.equal(label, spec.ignore_label), -1, label))
    outside = tf.strings.format("label id {} is " + _allowed_ids(spec), worst)
    return [
        tf.debugging.Assert(ok, [tf.strings.join([name, ": ", text])])
        for ok, text in (
            (tf.reduce_all(tf.equal(*sizes)), unfit),
            (worst < spec.num_classes, outside),
        )
    ]


class Part(NamedTuple):
    """The picture or the label of an example.

    Attributes:
        name: what messages call it; the path where it is a file.
        read: gives its pixels or ids, or raises a DataError that says why not.
    """

    name: str
    read: Callable[[], np.ndarray]


def inspect_example(
    image: Part, label: Part | None, spec: DatasetSpec
) -> tuple[list[str], np.ndarray | None, np.ndarray | None]:
    """Reads an example and says all that is wrong with it.

    Args:
        image: gives uint8 ``[height, width, 3]``.
        label: gives integers ``[height, width]``; None for a picture without a label.
        spec: says which ids there are.

    Returns:
        The problems, then what was read, None for what could not be.
    """
    problems, pixels, ids = [], None, None
    try:
        pixels = image.read()
    except DataError as error:
        problems.append(str(error))
    if label is None:
        return problems, pixels, None
    try:
        ids = label.read()
    except DataError as error:
        return [*problems, str(error)], pixels, None
    if pixels is not None and pixels.shape[:2] != ids.shape:
        problems.append(_size_problem(image.name, label.name, pixels, ids))
    problems += _id_problem(label.name, ids, spec)
    return problems, pixels, ids


def _size_problem(image_name: str, label_name: str, pixels: np.ndarray, ids: np.ndarray) -> str:
    turned = read_orientation(image_name) >= 5
    hint = " The image is stored turned (EXIF); store it and its label upright." if turned else ""
    return (
        f"{label_name}: the label is {ids.shape} (height, width), "
        f"its image {pixels.shape[:2]}.{hint}"
    )


def _id_problem(name: str, ids: np.ndarray, spec: DatasetSpec) -> list[str]:
    bad = ((ids < 0) | (ids >= spec.num_classes)) & (ids != spec.ignore_label)
    if not bad.any():
        return []
    return [f"{name}: label id {count_values(ids[bad])} is {_allowed_ids(spec)}."]


def check_examples(
    where: str,
    total: int,
    limit: int | None,
    problems_of: Callable[[int], list[str]],
    known: Sequence[str] = (),
) -> None:
    """Looks at the examples of a split, several at a time.

    Args:
        where: what the report calls the split.
        total: number of examples.
        limit: look at so many only, spread evenly.
        problems_of: gives what is wrong with an example.
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
        problems: one line each.
    """
    if problems:
        raise DataError("\n  ".join([f"{title.format(len(problems))}:", *problems]))


def count_values(values: np.ndarray) -> str:
    """Lists the first values that occur, each with its number of pixels.

    Example:
        >>> count_values(np.array([7, 9, 7]))
        '7 (2 pixels), 9 (1 pixels)'
    """
    found, counts = np.unique(values, return_counts=True)
    shown = [f"{v} ({c} pixels)" for v, c in zip(found[:5], counts[:5], strict=True)]
    return ", ".join(shown) + (f" and {len(found) - 5} more" if len(found) > 5 else "")


def _allowed_ids(spec: DatasetSpec) -> str:
    return (
        f"neither one of 0..{spec.num_classes - 1} (the classes of dataset.json) "
        f"nor {spec.ignore_label} (void)"
    )
