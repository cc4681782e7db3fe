"""The sources of weights, one row each."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from deeplab_tf.weights import (
    deep_sort,
    efficientnet_packages,
    hed,
    imagenet,
    keras_weights,
    preset,
    random,
    trained_model,
)
from deeplab_tf.weights.weight_formats import FORMATS
from deeplab_tf.weights.weight_source import Arrays, Source

# Name -> source; the first that accepts what the user gave reads it.
SOURCES: dict[str, Source] = {
    "random": random.SOURCE,
    "imagenet": imagenet.SOURCE,
    "hed": hed.SOURCE,
    "deep_sort": deep_sort.SOURCE,
    **efficientnet_packages.SOURCES,
    "preset": preset.SOURCE,
    "keras_weights": keras_weights.SOURCE,
    **FORMATS,
    "trained_model": trained_model.SOURCE,
}


def read_source(text: str, model: Any) -> tuple[str, Arrays]:
    """Reads the source that a text names.

    Args:
        text: a name, or a path.
        model: that the weights are for; see `load_into`.

    Returns:
        How the report calls the source, and its arrays by the model's names.

    Raises:
        ValueError: no row of `SOURCES` accepts the text, or its source cannot be read.
    """
    return _find_source(text).read(text, model)


def check_source(text: str) -> None:
    """Checks that a text names a source, and that its file or package is there.

    Args:
        text: a name, or a path.

    Raises:
        ValueError: no row of `SOURCES` accepts the text, or what it names is missing.

    Example:
        >>> check_source("random")
    """
    _find_source(text).check(text)


def _find_source(text: str) -> Source:
    for source in SOURCES.values():
        if source.accepts(text):
            return source
    near = difflib.get_close_matches(text, _names(SOURCES), n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    *others, last = (source.wanted for source in SOURCES.values())
    raise ValueError(f"unknown weights {text!r}: give {', '.join(others)} or {last}{hint}")


def _names(sources: Mapping[str, Source]) -> list[str]:
    """Returns the rows that a user names; the others are known by their paths."""
    return [name for name, source in sources.items() if source.accepts(name)]
