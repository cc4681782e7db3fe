"""Losses for `model.compile`: those of `training.losses` as Keras losses."""

from deeplab_tf.losses.keras_losses import (
    Combined,
    CrossEntropy,
    Dice,
    Focal,
    Lovasz,
    OnlineHardPixels,
)
from deeplab_tf.losses.segmentation_loss import SegmentationLoss

__all__ = [
    "Combined",
    "CrossEntropy",
    "Dice",
    "Focal",
    "Lovasz",
    "OnlineHardPixels",
    "SegmentationLoss",
]
