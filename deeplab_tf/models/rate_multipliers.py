"""Factors on the learning rate, as the parts of a network state them."""

from __future__ import annotations

from deeplab_tf.backbones import backbone_class
from deeplab_tf.backbones.backbone import RateMultipliers
from deeplab_tf.heads import head_class


def rate_multipliers(backbone: str, head: str) -> RateMultipliers:
    """Returns the factors on the learning rate that the released solver files have.

    Args:
        backbone: row of `BACKBONES`.
        head: row of `HEADS`.

    Returns:
        Pairs of a regular expression for whole variable names and a factor; the first that matches
        decides, 1 where none does.

    Raises:
        ValueError: there is no such row.

    Example:
        >>> rate_multipliers("resnet101", "aspp_l")
        (('fc1.*/kernel', 10.0), ('fc1.*/bias', 20.0))
    """
    backbone_type = backbone_class(backbone)
    return head_class(head).rate_multipliers(backbone_type) + backbone_type.rate_multipliers
