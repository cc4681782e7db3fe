"""Names of layers that do not depend on what a process has built before."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import keras

from deeplab_tf.backbones.keras_classifiers.classifier_graph import Call


def layer_names(calls: Sequence[Call], stable: bool) -> list[str]:
    """Returns a name for the layer of every call.

    Args:
        calls: in order.
        stable: whether layers that Keras has named itself, such as `conv2d_7`, are numbered by
            their order here instead of the order in which the process has made them.
    """
    names: dict[int, str] = {}
    numbers: Counter[str] = Counter()
    for call in calls:
        if id(call.layer) in names:
            continue
        kind = _snake_case(type(call.layer).__name__)
        name = call.layer.name
        if stable and not _is_given(call, kind):
            name = f"{kind}_{numbers[kind]}"
            numbers[kind] += 1
        names[id(call.layer)] = name
    return [names[id(call.layer)] for call in calls]


def _is_given(call: Call, kind: str) -> bool:
    # Keras 2 calls what it wraps `tf.nn.silu_3`.
    name = call.layer.name
    is_layer = isinstance(call.layer, keras.layers.Layer) and not name.startswith("tf.")
    return is_layer and not re.fullmatch(rf"{kind}(_\d+)?", name)


def _snake_case(name: str) -> str:
    """Returns the name that Keras derives from that of a class."""
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
