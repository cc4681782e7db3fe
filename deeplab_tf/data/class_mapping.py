"""Maps the classes of a model to those of a data set, by name."""

from __future__ import annotations

import re

import numpy as np

from deeplab_tf.data.spec import DatasetSpec

_SHOWN = 5


def unnamed_classes(count: int) -> tuple[str, ...]:
    """Returns names for classes without names: "class 0", "class 1" and so on."""
    return tuple(f"class {i}" for i in range(count))


def class_mapping(model: DatasetSpec, data: DatasetSpec) -> np.ndarray:
    """Returns the data set's id of every class of a model.

    Names are the same whatever their case, and whether spaces, underscores or hyphens stand
    between their words, as long as that makes no two names of one side the same. Where
    either side has never named its classes ("class 0", "class 1"), their ids are taken to be the
    same. Ignore labels may differ.

    Args:
        model: what the model was made for; its ``spec``.
        data: the data set that it is used on.

    Returns:
        uint8 ``[classes]``: ``mapping[predictions]`` are the data set's ids.

    Raises:
        ValueError: when their classes are not the same; the message names those that differ.

    Example:
        >>> model = DatasetSpec("a", ("sky", "traffic light", "road"))
        >>> class_mapping(model, DatasetSpec("b", ("Road", "sky", "traffic_light"))).tolist()
        [1, 2, 0]
    """
    count = model.num_classes
    if count == data.num_classes and (_is_unnamed(model) or _is_unnamed(data)):
        return np.arange(count, dtype=np.uint8)
    ours, theirs = (_keys(spec, exactly=False) for spec in (model, data))
    if any(len(set(keys)) < len(keys) for keys in (ours, theirs)):
        ours, theirs = (_keys(spec, exactly=True) for spec in (model, data))
    if set(ours) != set(theirs):
        raise ValueError(
            f"The model tells {count} classes apart, the data set {data.name!r} has "
            f"{data.num_classes}, and they are not the same "
            f"(of the model only: {_others(model, ours, theirs)}; "
            f"of the data set only: {_others(data, theirs, ours)}). Take the data set that the "
            "model was made for; where classes mean the same, give them the model's names in "
            "dataset.json."
        )
    return np.array([theirs.index(key) for key in ours], np.uint8)


def _is_unnamed(spec: DatasetSpec) -> bool:
    return spec.class_names == unnamed_classes(spec.num_classes)


def _keys(spec: DatasetSpec, exactly: bool) -> list[str]:
    """What names are compared by: themselves, or without what makes no difference."""
    if exactly:
        return list(spec.class_names)
    return [comparable_name(name) for name in spec.class_names]


def comparable_name(name: str) -> str:
    """Returns a class's name without case, and with spaces for underscores and hyphens.

    Example:
        >>> comparable_name("Traffic_Light")
        'traffic light'
    """
    return re.sub(r"[\s_-]+", " ", name.casefold()).strip()


def _others(spec: DatasetSpec, keys: list[str], other_keys: list[str]) -> str:
    names = [n for n, key in zip(spec.class_names, keys, strict=True) if key not in other_keys]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more if names else "none"
