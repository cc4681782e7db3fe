"""The range of every number that `DeepLab` takes, checked before a layer is made of it."""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.models.scaling import LARGEST_DENOMINATOR, MOST_SCALES, grid_multiple

# Argument -> kind, smallest and largest value. Published are a width of 1, kernels of up to 7,
# rates of up to 24 and 4096 filters; `AtrousConv2D` bounds what they make together.
RANGES = {
    "num_classes": (numbers.Integral, 1, 255),
    "width": (numbers.Real, 1e-3, 4.0),
    "fc6_kernel": (numbers.Integral, 1, 15),
    "fc6_rate": (numbers.Integral, 1, 256),
    "fc6_filters": (numbers.Integral, 1, 16384),
    "dropout": (numbers.Real, 0.0, 0.999),
    "image_scale": (numbers.Real, 1 / LARGEST_DENOMINATOR, 8.0),
}
_KINDS = {numbers.Integral: "a whole number", numbers.Real: "a number"}


def check_numbers(arguments: Mapping[str, Any]) -> None:
    """Checks the numbers among the arguments of `DeepLab`.

    Args:
        arguments: value of each argument that `RANGES` lists.

    Raises:
        ValueError: one is no number or outside its range; the message names it.
    """
    for name in RANGES:
        check_number(name, arguments[name])


def check_number(name: str, value: Any) -> None:
    """Checks one of the numbers, as `check_numbers` does all."""
    kind, lowest, highest = RANGES[name]
    fits = isinstance(value, kind) and not isinstance(value, bool)
    if not fits or not lowest <= value <= highest:
        raise ValueError(
            f"{name} must be {_KINDS[kind]} from {lowest:g} to {highest:g}. "
            f"Received: {name}={_shown(value)}"
        )


def checked_input_scales(scales: Sequence[float]) -> tuple[float, ...]:
    """Returns the scales of a network as floats.

    Raises:
        ValueError: they do not start with 1 and fall, or are no simple fractions, or too many.
    """
    try:
        values = tuple(float(scale) for scale in scales)
    except (TypeError, ValueError):
        values = ()
    if (
        not 1 <= len(values) <= MOST_SCALES
        or values[0] != 1.0
        or not values[-1] >= 1 / LARGEST_DENOMINATOR
        or any(not after < before for before, after in pairwise(values))
        or grid_multiple(1, values) > LARGEST_DENOMINATOR
    ):
        raise ValueError(
            f"scales must start with 1.0 and fall, up to {MOST_SCALES} simple fractions such as "
            f"(1.0, 0.75, 0.5). Received: scales={_shown(scales)}"
        )
    return values


def dataset_spec(dataset: DatasetSpec | Mapping[str, Any]) -> DatasetSpec:
    """Returns a data set, of itself or of its dict.

    Raises:
        DataError: the dict is none of a data set.
    """
    if isinstance(dataset, DatasetSpec):
        return dataset
    return DatasetSpec.from_dict(dataset, source="dataset")


def number_of_classes(num_classes: int | None, dataset: Mapping[str, Any] | None) -> int:
    """Returns the number of classes, which a data set knows.

    Args:
        num_classes: as given, or None.
        dataset: dict of a data set, or None.

    Raises:
        ValueError: neither is given, or they contradict each other.
    """
    if dataset is None:
        if num_classes is None:
            raise ValueError("DeepLab needs num_classes, or a dataset to take it from.")
        return num_classes
    known = len(dataset["class_names"])
    if num_classes not in (None, known):
        raise ValueError(
            f"num_classes={num_classes} contradicts the data set {dataset['name']!r} with "
            f"{known} classes. Leave num_classes out."
        )
    return known


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:100]}..."
