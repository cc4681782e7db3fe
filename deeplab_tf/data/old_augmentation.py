"""Augmentation as version 0.1 called and configured it; goes in version 0.3."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from deeplab_tf.data.augment import AugmentationPipeline
from deeplab_tf.data.augmentations.argument import Values
from deeplab_tf.data.augmentations.parser import parse_operations
from deeplab_tf.data.data_section import OLD_KEYS


class Augmentation(AugmentationPipeline):
    """The arguments of version 0.1; use `AugmentationPipeline`.

    Args:
        crop_size: height and width of the result in pixels.
        scales: factors to choose from with equal chance.
        scale_range: (lowest, highest) of an even distribution, instead of `scales`.
        mirror: whether half of the examples are flipped left to right.
        image_scale: see `AugmentationPipeline`.
    """

    def __init__(
        self,
        crop_size: int,
        scales: Sequence[float] = (1.0,),
        scale_range: Sequence[float] | None = None,
        mirror: bool = True,
        image_scale: float = 1.0,
    ):
        super().__init__(_text_of(crop_size, scales, scale_range, mirror), image_scale)
        self.scales = tuple(float(scale) for scale in scales)
        self.scale_range = tuple(float(end) for end in scale_range) if scale_range else None
        self.mirror = bool(mirror)
        warn("deeplab_tf.data.Augmentation(...)", f"deeplab_tf.data.{self!r}")


def current_data(data: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a section `data` with the keys of this version, to compare runs by.

    Args:
        data: from the `config.json` of this version or of 0.1.
    """
    kept = {key: value for key, value in data.items() if key not in OLD_KEYS}
    old = {key: value for key, value in data.items() if key in OLD_KEYS}
    if "crop_size" in old and "augmentation" not in kept:
        kept["augmentation"] = _text_of(**old)
    if "augmentation" in kept:
        kept["augmentation"] = "|".join(map(str, parse_operations(kept["augmentation"])))
    return kept


def _text_of(
    crop_size: int,
    scales: Sequence[float] = (1.0,),
    scale_range: Sequence[float] | None = None,
    mirror: bool = True,
) -> str:
    text = f"crop({crop_size})" + "|mirror" * mirror
    for key, value in (("scales", scales), ("scale_range", scale_range or ())):
        text = changed_text(text, key, value)
    return text


def changed_text(text: str, key: str, value: Any) -> str:
    """Returns the text of an augmentation in which a key of version 0.1 has another value, checked.

    Args:
        text: operations, `|` between.
        key: of version 0.1.
        value: of that key.

    Raises:
        ValueError: there is no such augmentation.
    """
    operations = parse_operations(text)
    has_range = any(o.name == "scale" and o.values[0].is_range for o in operations)
    name, new = {"crop_size": "crop", "mirror": "mirror"}.get(key, "scale"), ""
    if key == "crop_size":
        new = f"crop({value})"
    elif key == "mirror":
        new = "mirror" * value
    elif key == "scale_range" and value:
        new = f"scale({Values(tuple(map(float, value)), is_range=True)})"
    elif key == "scales" and tuple(value) != (1.0,):
        new = f"scale({Values(tuple(map(float, value)))})"
    # In version 0.1 a range had precedence over scales, and an empty one meant none.
    if (key == "scales" and has_range) or (key == "scale_range" and not value and not has_range):
        return text
    texts = [str(operation) for operation in operations]
    places = [i for i, operation in enumerate(operations) if operation.name == name]
    crop = next((i for i, operation in enumerate(operations) if operation.name == "crop"), -1)
    if not places:
        places = [crop + 1 if name == "mirror" else 0]
        texts.insert(places[0], new)
    for place in places:
        texts[place] = new if place == places[0] else ""
    return str(AugmentationPipeline("|".join(filter(None, texts))))


def old_values(text: str) -> dict[str, Any]:
    """Returns the values that the keys of version 0.1 have for an augmentation.

    Args:
        text: operations, `|` between.
    """
    augmentation = AugmentationPipeline(text)
    named = {operation.name: operation for operation in augmentation.operations}
    scale = named["scale"].values[0] if "scale" in named else Values((1.0,))
    return {
        "crop_size": augmentation.crop_size,
        "scales": (1.0,) if scale.is_range else scale.numbers,
        "scale_range": scale.numbers if scale.is_range else (),
        "mirror": "mirror" in named,
    }


def warn(old: str, new: str) -> None:
    """Warns the caller of the caller that something is deprecated.

    Args:
        old: what was used.
        new: what to use.
    """
    warnings.warn(
        f"{old} is deprecated since version 0.2 and goes in version 0.3. Use {new}",
        DeprecationWarning,
        stacklevel=4,
    )
