"""The contract of a source of weights."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

Shapes = Mapping[str, tuple[int, ...]]
Arrays = dict[str, np.ndarray]


class Source(NamedTuple):
    """Where first weights come from: a file of its own and a row in `SOURCES`.

    Attributes:
        wanted: what the user gives, for the message that lists all sources.
        accepts: whether a text, a name or a path, is for this source; opens no file.
        read: from the text and the model, see `load_into`, to how the report calls the source and
            its arrays by the model's names, kernels HWIO; a ValueError where it cannot be read.
            What has no place in the model may be among them: it is reported.
        check: raises a ValueError where the file or the package that a text names is not there;
            opens no file, so that a run can be refused before any work.
    """

    wanted: str
    accepts: Callable[[str], bool]
    read: Callable[[str, Any], tuple[str, Arrays]]
    check: Callable[[str], object] = lambda text: None


def check_file(path: str | os.PathLike) -> None:
    """Checks that a file of weights is there.

    Raises:
        ValueError: it is not.
    """
    if not Path(path).is_file():
        raise ValueError(f"weights file not found: {path}")


def variable_shapes(model: Any) -> dict[str, tuple[int, ...]]:
    """Returns the shape of each of a model's variables by name."""
    return {name: tuple(v.shape) for name, v in model.variables_by_name().items()}
