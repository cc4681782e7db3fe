"""The weights of a trained network of the zoo, `preset:NAME`."""

from __future__ import annotations

from typing import Any

from deeplab_tf.data.paths import PRESET
from deeplab_tf.weights.trained_model import arrays_for
from deeplab_tf.weights.weight_source import Arrays, Source


def _check(text: str) -> None:
    # Networks are built from what lies above them, and load weights themselves.
    from deeplab_tf.pretrained.trained_presets import find_preset

    find_preset(text.removeprefix(PRESET))


def _read_source(text: str, model: Any) -> tuple[str, Arrays]:
    from deeplab_tf.pretrained.open_network import from_preset

    return text, arrays_for(from_preset(text.removeprefix(PRESET)), model)


SOURCE = Source(
    "preset:NAME, a trained network of deeplab_tf.list_presets()",
    lambda text: text.startswith(PRESET),
    _read_source,
    _check,
)
