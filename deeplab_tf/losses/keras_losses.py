"""The losses of `training.losses` as Keras losses, for `compile` and `fit`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from deeplab_tf.losses.segmentation_loss import SegmentationLoss
from deeplab_tf.training import losses as named
from deeplab_tf.training.losses.base import Loss
from deeplab_tf.training.losses.total import Term, TotalLoss


def _numbers(class_weights: Sequence[float] | None) -> tuple[float, ...] | None:
    if isinstance(class_weights, str):
        raise ValueError(
            "class_weights must be one number for every class; training.losses.class_weights has "
            "class_weight_numbers, which computes them from the labels. Received: "
            f"class_weights={class_weights!r}"
        )
    return None if class_weights is None else tuple(np.asarray(class_weights).ravel().tolist())


def _single(name: str, loss: Loss) -> TotalLoss:
    return TotalLoss((Term(1.0, name, loss),))


@keras.saving.register_keras_serializable(package="deeplab_tf")
class CrossEntropy(SegmentationLoss):
    """Softmax cross-entropy of the pixels that are not void.

    Args:
        ignore_label: label of pixels that do not count; None counts all.
        class_weights: a factor for every class in the order of the ids; 0 leaves a class out of
            the sum. The mean divides by the number of pixels, not by the sum of their weights.
        name: of the loss in logs.
        label_smoothing: share of the target that is spread over all classes, 0 to below 1.

    Source: `training.losses.CrossEntropy`.

    Example:
        >>> loss = CrossEntropy(ignore_label=255)
        >>> round(float(loss(np.array([[[0, 255]]]), tf.zeros([1, 1, 2, 4]))), 4)
        1.3863
    """

    def __init__(
        self,
        ignore_label: int | None = 255,
        class_weights: Sequence[float] | None = None,
        name: str = "cross_entropy",
        label_smoothing: float = 0.0,
    ):
        self.class_weights, self.label_smoothing = _numbers(class_weights), label_smoothing
        loss = named.CrossEntropy(self.class_weights, label_smoothing)
        super().__init__(_single("cross_entropy", loss), ignore_label, name)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        own = {"class_weights": self.class_weights, "label_smoothing": self.label_smoothing}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="deeplab_tf")
class Focal(SegmentationLoss):
    """Focal loss: cross-entropy in which pixels that are already right count less.

    Args:
        ignore_label: label of pixels that do not count; None counts all.
        gamma: 0 is cross-entropy; the larger, the less a pixel counts that is right already.
        class_weights: as of `CrossEntropy`.
        name: of the loss in logs.

    Source: `training.losses.Focal`.
    """

    def __init__(
        self,
        ignore_label: int | None = 255,
        gamma: float = 2.0,
        class_weights: Sequence[float] | None = None,
        name: str = "focal",
    ):
        self.gamma, self.class_weights = gamma, _numbers(class_weights)
        loss = named.Focal(gamma, self.class_weights)
        super().__init__(_single("focal", loss), ignore_label, name)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        own = {"gamma": self.gamma, "class_weights": self.class_weights}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="deeplab_tf")
class OnlineHardPixels(SegmentationLoss):
    """Cross-entropy of the hardest pixels of a batch (online hard example mining).

    Args:
        ignore_label: label of pixels that do not count; None counts all.
        share: part of the pixels that is kept in any case, hardest first; 0.25 where both are left
            out.
        threshold: keeps every pixel whose class has at most this probability as well.
        name: of the loss in logs.

    Source: `training.losses.OnlineHardPixels`.
    """

    def __init__(
        self,
        ignore_label: int | None = 255,
        share: float | None = None,
        threshold: float | None = None,
        name: str = "ohem",
    ):
        self.share, self.threshold = share, threshold
        loss = named.OnlineHardPixels(share, threshold)
        super().__init__(_single("ohem", loss), ignore_label, name)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "share": self.share, "threshold": self.threshold}


@keras.saving.register_keras_serializable(package="deeplab_tf")
class Dice(SegmentationLoss):
    """Soft Dice loss: one minus the overlap of predicted and labelled regions.

    Args:
        ignore_label: label of pixels that do not count; None counts all.
        name: of the loss in logs.

    Source: `training.losses.Dice`.
    """

    def __init__(self, ignore_label: int | None = 255, name: str = "dice"):
        super().__init__(_single("dice", named.Dice()), ignore_label, name)


@keras.saving.register_keras_serializable(package="deeplab_tf")
class Lovasz(SegmentationLoss):
    """Lovász-Softmax loss: a surrogate of one minus the mean IoU of the batch.

    Args:
        ignore_label: label of pixels that do not count; None counts all.
        name: of the loss in logs.

    Source: `training.losses.Lovasz`.
    """

    def __init__(self, ignore_label: int | None = 255, name: str = "lovasz"):
        super().__init__(_single("lovasz", named.Lovasz()), ignore_label, name)


@keras.saving.register_keras_serializable(package="deeplab_tf")
class Combined(SegmentationLoss):
    """A sum of losses with factors, written as in `train.loss` of a configuration.

    Args:
        losses: such as `"cross_entropy + 0.5*dice"`; docs/training.md lists what there is. Class
            weights are numbers.
        ignore_label: label of pixels that do not count; None counts all.
        name: of the loss in logs.

    Raises:
        ValueError: the text is no sum of losses, or names class weights.

    Example:
        >>> loss = Combined("cross_entropy + 0.5*dice")
        >>> round(float(loss(np.array([[[0, 255]]]), tf.zeros([1, 1, 2, 4]))), 4)
        1.6863
    """

    def __init__(
        self,
        losses: str = "cross_entropy",
        ignore_label: int | None = 255,
        name: str = "combined",
    ):
        total = named.parse_loss(losses)
        for term in total.terms:
            _numbers(getattr(term.loss, "class_weights", None))
        self.losses = losses
        super().__init__(total, ignore_label, name)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "losses": self.losses}
