"""The majority-class baseline: the mIoU of predicting one class for every pixel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deeplab_tf.data.formatting import or_none, percent


def constant_prediction_miou(class_pixels: np.ndarray) -> np.ndarray:
    """Returns the mIoU of predicting a single class for all pixels, for every class.

    The predicted class has its share of the labelled pixels as IoU, every other class that
    occurs has 0, by the rule of `evaluation.ConfusionMatrix`.

    Args:
        class_pixels: ``[classes]``, labelled pixels of every class.

    Returns:
        float64 ``[classes]``; NaN where no pixel is labelled.

    Example:
        >>> constant_prediction_miou(np.array([6, 2, 0])).tolist()
        [0.375, 0.125, 0.0]
    """
    class_pixels = np.asarray(class_pixels)
    if not class_pixels.any():
        return np.full(len(class_pixels), np.nan)
    present = class_pixels > 0
    return class_pixels / class_pixels.sum() / (present.sum() + ~present)


def majority_baseline(class_pixels: np.ndarray, class_names: Sequence[str]) -> dict:
    """Returns the class with the highest mIoU when it is predicted for every pixel.

    Args:
        class_pixels: [classes], labelled pixels of every class.
        class_names: one a class.

    Returns:
        ``class`` (its name) and ``miou`` (None where no pixel is labelled), as in JSON files.
    """
    ious = constant_prediction_miou(class_pixels)
    best = int(ious.argmax())
    return {"class": class_names[best], "miou": or_none(ious[best])}


def format_baseline(prediction: dict, which: str = "majority-class") -> str:
    """Formats a majority-class baseline's mIoU for people."""
    return f"{which} baseline ({prediction['class']}): {percent(prediction['miou'])} mIoU"
