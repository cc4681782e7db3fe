"""Losses by name. A new one is a file here and a row of `LOSSES`."""

from __future__ import annotations

from deeplab_tf.training.losses.base import Loss
from deeplab_tf.training.losses.cross_entropy import CrossEntropy
from deeplab_tf.training.losses.dice import Dice
from deeplab_tf.training.losses.focal import Focal
from deeplab_tf.training.losses.lovasz import Lovasz
from deeplab_tf.training.losses.ohem import OnlineHardPixels
from deeplab_tf.training.losses.parse import parse_sum
from deeplab_tf.training.losses.total import TotalLoss

# Name in `train.loss` -> a frozen dataclass whose fields are the arguments.
LOSSES: dict[str, type[Loss]] = {
    "cross_entropy": CrossEntropy,
    "dice": Dice,
    "focal": Focal,
    "lovasz": Lovasz,
    "ohem": OnlineHardPixels,
}


def parse_loss(text: str) -> TotalLoss:
    """Reads a sum of losses by name; nothing of the text is run.

    Args:
        text: losses with factors and arguments; docs/training.md lists them.

    Raises:
        ValueError: the text is something else, or a loss does not take an argument; the message
            names the part that was wrong and what there is.

    Example:
        >>> parse_loss("0.5 * dice + focal(gamma=1, class_weights=median_frequency)").describe()
        '0.5*dice + focal(gamma=1, class_weights=median_frequency)'
        >>> parse_loss("cross_entropi")
        Traceback (most recent call last):
        ...
        ValueError: there is no loss 'cross_entropi'; there are cross_entropy, dice, focal, ...
    """
    return parse_sum(text, LOSSES)
