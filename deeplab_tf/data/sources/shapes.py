"""Annotations of single objects as one label map, and the classes that they name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from deeplab_tf.data.sources.region import LARGEST_PIXELS, Region, Size
from deeplab_tf.data.spec import DataError, DatasetSpec

BACKGROUND = "background"
VOID = 255
# What annotation tools call pixels of no class, and pixels that do not count.
_BACKGROUNDS = (BACKGROUND, "_background_", "__background__")
_VOIDS = ("__ignore__",)
# What a value of the wrong kind in an annotation raises.
WRONG = (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError)


def stated_size(height: Any, width: Any) -> Size | None:
    """Returns the size that an annotation states; None where it is none."""
    if not (isinstance(height, int) and isinstance(width, int) and height > 0 and width > 0):
        return None
    return (height, width) if height * width <= LARGEST_PIXELS else None


class Shape(NamedTuple):
    """An object on an image.

    Attributes:
        label_id: its class.
        region: its pixels.
        layer: shapes of a higher one are painted later, whatever their size.
    """

    label_id: int
    region: Region
    layer: int = 0


def paint(shapes: Iterable[Shape], size: Size) -> np.ndarray:
    """Paints shapes on background: in each layer smaller ones over larger ones.

    Args:
        shapes: the objects; of two of one size the later one is above.
        size: height and width of the image.

    Returns:
        uint8 ids ``[height, width]``.
    """
    ids = np.zeros(size, np.uint8)
    for shape in sorted(shapes, key=lambda shape: (shape.layer, -int(shape.region.mask.sum()))):
        top, left, mask = shape.region
        ids[top : top + mask.shape[0], left : left + mask.shape[1]][mask] = shape.label_id
    return ids


def read_entries(
    where: str, entries: Any, read: Callable[[Any], Sequence[Shape]], kind: str = "shape"
) -> list[Shape]:
    """Turns the entries of an annotation into shapes.

    Args:
        where: what messages call the annotation, such as its file.
        entries: a list of them.
        read: turns one into shapes; what it raises is a problem of that entry.
        kind: what messages call one.

    Raises:
        DataError: one line for every entry that is wrong.
    """
    if not isinstance(entries, list):
        raise DataError(f"{where}: the {kind}s must be a list, received {type(entries).__name__}.")
    shapes: list[Shape] = []
    problems = []
    for number, entry in enumerate(entries):
        try:
            shapes += read(entry)
        except WRONG as error:
            what = f"{kind} {number}{_label_of(entry)}"
            problems.append(f"{where}: {what}: {reason_of(error)}.")
    if problems:
        raise DataError(*problems)
    return shapes


def reason_of(error: Exception) -> str:
    """Returns what is wrong with an entry that raised an error of `WRONG`."""
    return f"has no {error}" if type(error) is KeyError else str(error)


def _label_of(entry: Any) -> str:
    label = entry.get("label") if isinstance(entry, dict) else None
    return f" ({label!r})" if isinstance(label, str) else ""


def describe(source: Path, names: Iterable[str]) -> DatasetSpec:
    """Describes a data set of background and the classes that its annotations name.

    Args:
        source: the folder, whose name becomes the data set's.
        names: of the classes in the order of their ids; those of background and void that
            annotation tools use get no id of their own.
    """
    try:
        classes = dict.fromkeys(clean_name(name) for name in names)
    except ValueError as error:
        raise DataError(f"{source}: {error}.") from None
    others = [name for name in classes if name not in (*_BACKGROUNDS, *_VOIDS)]
    if not others:
        raise DataError(f"{source}: its annotations name no class.")
    return DatasetSpec(source.resolve().name or "own", (BACKGROUND, *others))


def clean_name(name: Any) -> str:
    """Returns the name of a class without space around it.

    Raises:
        ValueError: it is no text, or empty.
    """
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"a class must have a name, received {name!r}")
    return name.strip()


def ids_by_name(spec: DatasetSpec) -> dict[str, int]:
    """Returns the id of every name that an annotation may have."""
    ids = dict.fromkeys(_VOIDS, VOID) | dict.fromkeys(_BACKGROUNDS, 0)
    return ids | {name: i for i, name in enumerate(spec.class_names)}


def id_of(name: Any, ids: Mapping[str, int]) -> int:
    """Returns the id of a class.

    Args:
        name: what an annotation says.
        ids: from `ids_by_name`.

    Raises:
        ValueError: there is no such class.
    """
    name = clean_name(name)
    if name not in ids:
        raise ValueError(f"{name!r} is none of the classes")
    return ids[name]
