"""The range of every number that `DeepLab` takes, checked before a layer is made of it."""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from deeplab_tf.crf import CrfParameters
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.layers.conv_norm_act import BATCH_NORMS
from deeplab_tf.layers.multi_scale_features import STARTS
from deeplab_tf.models.scaling import LARGEST_DENOMINATOR, MOST_SCALES, grid_multiple
from deeplab_tf.precision import POLICIES

# Argument -> kind, smallest and largest value. Published are a width of 1, kernels of up to 7,
# rates of up to 24 and 4096 filters; `AtrousConv2D` bounds what they make together.
RANGES = {
    "num_classes": (numbers.Integral, 1, 255),
    "width": (numbers.Real, 1e-3, 4.0),
    "fc6_kernel": (numbers.Integral, 1, 15),
    "fc6_rate": (numbers.Integral, 1, 256),
    "fc6_filters": (numbers.Integral, 1, 16384),
    "dropout": (numbers.Real, 0.0, 0.999),
    "batch_norm_momentum": (numbers.Real, 0.0, 0.99999),
    "image_scale": (numbers.Real, 1 / LARGEST_DENOMINATOR, 8.0),
}
_DTYPES = (*POLICIES.values(), "bfloat16", "float16", "float64")
# What an argument may be left to, instead of a number.
_OPTIONAL = ("batch_norm_momentum",)
LARGEST_GRID_FACTOR, LARGEST_POOLING = 64, 16384
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
    if value is None and name in _OPTIONAL:
        return
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


def checked_msc_start(start: str) -> str:
    """Returns a row of `STARTS`.

    Raises:
        ValueError: it is none.
    """
    if isinstance(start, str) and start in STARTS:
        return start
    raise ValueError(f"msc_start must be one of {STARTS}. Received: msc_start={_shown(start)}")


def checked_batch_norm(batch_norm: str | None) -> str | None:
    """Returns a name of batch normalisation.

    Raises:
        ValueError: it is none of `BATCH_NORMS`, nor None.
    """
    if batch_norm is None or (isinstance(batch_norm, str) and batch_norm in BATCH_NORMS):
        return batch_norm
    raise ValueError(
        f"batch_norm must be None or one of {sorted(BATCH_NORMS)}. "
        f"Received: batch_norm={_shown(batch_norm)}"
    )


def checked_trained_precision(name: str) -> str:
    """Returns the name of a number format.

    Raises:
        ValueError: it is none of `POLICIES`.
    """
    if isinstance(name, str) and name in POLICIES:
        return name
    raise ValueError(
        f"trained_precision must be one of {list(POLICIES)}. "
        f"Received: trained_precision={_shown(name)}"
    )


def check_policy(name: str) -> None:
    """Checks the name of Keras' dtype policy.

    Raises:
        ValueError: no DeepLab computes in it.
    """
    if name not in _DTYPES:
        raise ValueError(f"dtype must be one of {list(_DTYPES)}. Received: dtype={_shown(name)}")


def checked_crf(crf: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Returns the CRF parameters that a network carries.

    Raises:
        ValueError: one is unknown or outside its range.
    """
    if crf is not None:
        CrfParameters.from_dict(crf)
    return crf


def checked_multi_grid(factors: Sequence[int]) -> tuple[int, ...]:
    """Returns the factors of a multi-grid as whole numbers.

    Raises:
        ValueError: they are no whole numbers from 1 to `LARGEST_GRID_FACTOR`.
    """
    listed = isinstance(factors, Sequence) and not isinstance(factors, str)
    if not listed or not factors or not all(map(_is_grid_factor, factors)):
        raise ValueError(
            f"multi_grid must be whole numbers from 1 to {LARGEST_GRID_FACTOR} such as (1, 2, 4). "
            f"Received: multi_grid={_shown(factors)}"
        )
    return tuple(int(factor) for factor in factors)


def _is_grid_factor(value: Any) -> bool:
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    return whole and 1 <= value <= LARGEST_GRID_FACTOR


def checked_image_pooling(pooling: str | int) -> str:
    """Returns what a head pools over, as text: `global`, `none` or the pixels of a side.

    Raises:
        ValueError: it is none of these.
    """
    text = str(pooling) if not isinstance(pooling, bool) else ""
    pixels = int(text) if len(text) <= 5 and text.isascii() and text.isdecimal() else 0
    if text not in ("global", "none") and not 1 <= pixels <= LARGEST_POOLING:
        raise ValueError(
            "image_pooling must be 'global', 'none' or the side of a window in pixels, 1 to "
            f"{LARGEST_POOLING}. Received: image_pooling={_shown(pooling)}"
        )
    return text


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
