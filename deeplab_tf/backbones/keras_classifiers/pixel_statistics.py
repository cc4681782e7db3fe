"""Statistics of input pixels that a classifier holds beside its weights, as EfficientNet does."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from deeplab_tf.backbones.keras_classifiers.families import Scaling

# Where EfficientNet's convolution of the scaled pixels, and the normalisation after it, have them.
_KERNEL, _MOVING_MEAN = "stem_conv/kernel", "stem_bn/moving_mean"


def take_up_statistics(
    arrays: dict[str, np.ndarray], classifier: keras.Model, scaling: Scaling
) -> dict[str, np.ndarray]:
    """Changes weights for pixels that are scaled otherwise than the classifier scales them.

    EfficientNet scales pixels by a `Normalization` whose statistics are in its file of weights.
    Those that Keras publishes are the family's own scaling: the deviations stand where the layer
    has variances, which Keras mends by a second factor (tensorflow/tensorflow#49930), though not
    where the file is given by its path. Other statistics are taken as the layer applies them: the
    first kernel takes up the factor, and the moving mean after it the difference of the means.
    Only what is padded differs then: it has the colour of the family's mean.

    Args:
        arrays: weights by their names in the backbone.
        classifier: that they are from.
        scaling: of the backbone.

    Returns:
        The weights for pixels that `scaling` has scaled.
    """
    layers = [x for x in classifier.layers if isinstance(x, keras.layers.Normalization)]
    layers = [layer for layer in layers if layer.weights]
    if not layers:
        return arrays
    own_mean, own_deviation = (np.asarray(row) / 255 for row in (scaling.mean, scaling.divisor))
    mean, variance = (_numbers(layers[0], name) for name in ("mean", "variance"))
    if np.allclose(mean, own_mean, atol=1e-6) and np.allclose(variance, own_deviation, atol=1e-6):
        return arrays
    deviation = np.maximum(np.sqrt(variance), keras.backend.epsilon())
    kernel = arrays[_KERNEL].astype(np.float64)
    shift = np.einsum("hwio,i->o", kernel, (own_mean - mean) / deviation)
    changed = {
        _KERNEL: kernel * (own_deviation / deviation)[:, None],
        _MOVING_MEAN: arrays[_MOVING_MEAN] - shift,
    }
    return arrays | {name: array.astype(np.float32) for name, array in changed.items()}


def _numbers(layer: Any, name: str) -> np.ndarray:
    return np.asarray(getattr(layer, name), np.float64).ravel()
