"""Which classes are written: the others become the ignore label."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deeplab_tf.data.class_mapping import comparable_name
from deeplab_tf.data.spec import DatasetSpec


def choose_classes(spec: DatasetSpec, names: Sequence[str] | None) -> np.ndarray:
    """Returns the id that every label is written as.

    Args:
        spec: the classes.
        names: of the classes to write, whatever their case and whether spaces, underscores or
            hyphens stand between words; None for all.

    Returns:
        uint8 [256]: `table[labels]` has the ignore label where the class is not to be written.

    Raises:
        ValueError: there is no such class, or no name.

    Example:
        >>> spec = DatasetSpec("street", ("sky", "traffic light"))
        >>> table = choose_classes(spec, ["Traffic_Light"])
        >>> table[np.array([0, 1])].tolist()
        [255, 1]
    """
    table = np.arange(256, dtype=np.uint8)
    if names is None:
        return table
    wanted = [_id_of(name, spec) for name in names]
    if not wanted:
        raise ValueError(f"--classes is empty; give some of {', '.join(spec.class_names)}.")
    dropped = [i for i in range(spec.num_classes) if i not in wanted]
    table[dropped] = spec.ignore_label
    return table


def _id_of(name: str, spec: DatasetSpec) -> int:
    """Finds a class by its very name, or by one that is the same to a person."""
    if name in spec.class_names:
        return spec.class_names.index(name)
    keys = [comparable_name(known) for known in spec.class_names]
    if keys.count(comparable_name(name)) != 1:
        raise ValueError(
            f"--classes: {name!r} is no class of the model. Classes: {', '.join(spec.class_names)}"
        )
    return keys.index(comparable_name(name))
