"""Heads: from a backbone's features to logits, one file a family."""

from __future__ import annotations

from typing import Any

from deeplab_tf.backbones.backbone import Backbone
from deeplab_tf.heads.aspp_head import AsppHead
from deeplab_tf.heads.aspp_v3_head import AsppV3Head
from deeplab_tf.heads.head import Head, HeadOptions
from deeplab_tf.heads.large_fov_head import FullyConnected, LargeFovHead
from deeplab_tf.heads.v3plus_head import V3PlusHead

__all__ = ["HEADS", "Head", "HeadOptions", "build_head", "head_class"]

# Name in `DeepLab(head=...)` -> class and the arguments that it fixes. Rates are for an output
# stride of 8, half of them for 16.
HEADS: dict[str, tuple[type[Head], dict[str, Any]]] = {
    "fc": (FullyConnected, {}),
    "large_fov": (LargeFovHead, {}),
    "aspp_s": (AsppHead, {"rates": (2, 4, 8, 12)}),
    "aspp_l": (AsppHead, {"rates": (6, 12, 18, 24)}),
    "aspp_v3": (AsppV3Head, {"rates": (12, 24, 36)}),
    "aspp_v3_1x1": (AsppV3Head, {"rates": ()}),  # as released with MobileNetV2
    "v3plus": (V3PlusHead, {"rates": (12, 24, 36)}),
}


def head_class(name: str) -> type[Head]:
    """Returns the class of a head, for what it states without being built.

    Args:
        name: row of `HEADS`.

    Raises:
        ValueError: there is no such row.
    """
    if name not in HEADS:
        raise ValueError(f"head must be one of {tuple(HEADS)}. Received: head={name!r}")
    return HEADS[name][0]


def build_head(backbone: Backbone, num_classes: int, options: HeadOptions) -> Head:
    """Builds the head that `options.name` says.

    Args:
        backbone: whose features it gets.
        num_classes: channels of the logits.
        options: the row's name, and what the user asked for.

    Raises:
        ValueError: there is no such row, or the head refuses an argument.
    """
    return head_class(options.name)(backbone, num_classes, options, **HEADS[options.name][1])
