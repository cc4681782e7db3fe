"""Weights for the classes of a loss, by name from the labels of a data set, or as numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from deeplab_tf.data.label_statistics import LabelStatistics
from deeplab_tf.training.losses.loss_arguments import require_number

# A name, one number a class, or None for no weights.
ClassWeights = str | Sequence[float] | None


def _median_frequency(statistics: LabelStatistics) -> np.ndarray:
    return statistics.median_frequency_weights


def _sqrt_median_frequency(statistics: LabelStatistics) -> np.ndarray:
    return np.sqrt(statistics.median_frequency_weights)


def _inverse_frequency(statistics: LabelStatistics) -> np.ndarray:
    pixels = statistics.class_pixels
    return pixels.sum() / (np.count_nonzero(pixels) * np.where(pixels > 0, pixels, np.nan))


# Name -> weights from the label statistics, NaN for a class that never occurs.
CLASS_WEIGHTS: dict[str, Callable[[LabelStatistics], np.ndarray]] = {
    # Median of the classes' frequencies by the frequency of each, a class's frequency being its
    # share of the images where it occurs (Eigen and Fergus 2015, arXiv:1411.4734).
    "median_frequency": _median_frequency,
    # Their square roots, for data where the former make rare classes spread into their neighbours.
    "sqrt_median_frequency": _sqrt_median_frequency,
    # Labelled pixels by classes x pixels of the class: the mean over the labelled pixels is 1.
    "inverse_frequency": _inverse_frequency,
}


def check_class_weights(class_weights: ClassWeights) -> None:
    """Checks the argument `class_weights` of a loss.

    Args:
        class_weights: see `ClassWeights`.

    Raises:
        ValueError: it is neither a name of `CLASS_WEIGHTS` nor numbers of at least 0.
    """
    if class_weights is None or class_weights in tuple(CLASS_WEIGHTS):
        return
    if isinstance(class_weights, str) or not isinstance(class_weights, Sequence):
        raise ValueError(
            f"class_weights must be {', '.join(CLASS_WEIGHTS)} or a list of one number a class, "
            f"such as (0.5, 1, 2). Received: class_weights={class_weights!r}"
        )
    for weight in class_weights:
        require_number("class_weights", weight, lowest=0)
    if not any(class_weights):
        raise ValueError(f"class_weights must not all be 0. Received: {class_weights!r}")


def class_weight_numbers(name: str, statistics: LabelStatistics) -> tuple[float, ...]:
    """Computes the weights that a name stands for.

    Args:
        name: row of `CLASS_WEIGHTS`.
        statistics: of the training labels.

    Returns:
        A number for every class; 1 for a class that never occurs, whose weight is not used.

    Example:
        >>> from deeplab_tf.data import DatasetSpec
        >>> spec = DatasetSpec("pets", ("background", "cat", "dog"))
        >>> statistics = LabelStatistics(spec, ["a"], 1, np.array([[3, 1, 0]]), np.array([[2, 2]]))
        >>> class_weight_numbers("inverse_frequency", statistics)
        (0.6666666666666666, 2.0, 1.0)
    """
    return tuple(np.nan_to_num(CLASS_WEIGHTS[name](statistics), nan=1.0).tolist())


def weights_of_pixels(labels: tf.Tensor, class_weights: ClassWeights) -> tf.Tensor:
    """Looks up the weight of every pixel's class.

    Args:
        labels: int32 of any shape; of -1, void, the weight has no meaning.
        class_weights: one number a class.

    Returns:
        float32 of the labels' shape.

    Raises:
        ValueError: the weights are still a name; see `TotalLoss.for_split`.
    """
    if isinstance(class_weights, str):
        raise ValueError(f"class_weights={class_weights} needs the labels: use TotalLoss.for_split")
    return tf.gather(tf.constant(class_weights, tf.float32), tf.maximum(labels, 0))
