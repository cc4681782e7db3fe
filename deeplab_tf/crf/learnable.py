"""What of the CRF can be learned: kernel weights and label compatibility."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from deeplab_tf.crf.parameters import CrfParameters


class Weights(NamedTuple):
    """Kernel weights and label compatibility; tensors where they are learned.

    Attributes:
        bilateral: w1, of the appearance kernel.
        gaussian: w2, of the smoothness kernel.
        penalties: label compatibility mu: None for Potts, else [C] or [C, C], see `CrfParameters`.
    """

    bilateral: float | tf.Tensor
    gaussian: float | tf.Tensor
    penalties: tf.Tensor | None = None


def fixed_weights(parameters: CrfParameters, num_classes: int | None) -> Weights:
    """Returns the parameters' own weights.

    Args:
        parameters: of the CRF.
        num_classes: C; may be None for Potts.

    Raises:
        ValueError: the compatibility is for another number of classes.
    """
    penalties = None
    if parameters.compatibility != "potts":
        penalties = tf.constant(parameters.penalties(num_classes))
    return Weights(parameters.bilateral_weight, parameters.gaussian_weight, penalties)
