"""Checks the CRF's inputs: wrong NumPy arrays are errors, wrong tensors have a defined result."""

from __future__ import annotations

import warnings

import numpy as np
import tensorflow as tf

# Probabilities in half precision may miss 0 or 1 by so much.
_ROUNDING = 1e-3
# Only differences of colours count, so that an image minus its mean is as good.
_WIDEST = 2 * 255
# What images divided by 255 or 127.5, or by their standard deviation, do not exceed.
_SCALED = 4


def check_inputs(logits: np.ndarray, image: np.ndarray) -> None:
    """Checks logits and image.

    Args:
        logits: float [H, W, C], minus the unary energy; -infinity excludes a label.
        image: [H, W, 3].

    Raises:
        ValueError: the shapes do not fit, a logit is NaN or infinity, a pixel has -infinity for
            all labels, or the image is not finite or of 16 bits; the message says where.
    """
    _check_shapes(logits, image)
    _check_logits(logits)
    _check_colors(image)


def log_probabilities(probabilities: np.ndarray, image: np.ndarray, clip: float) -> np.ndarray:
    """Returns logits float32 [H, W, C] of probabilities.

    Args:
        probabilities: float [H, W, C]; those of a pixel need not add up to 1.
        image: [H, W, 3].
        clip: lower bound of the probabilities.

    Raises:
        ValueError: the shapes do not fit, or a value is NaN or not within 0..1; the message says
            where.
    """
    probabilities = np.asarray(probabilities, np.float32)
    _check_shapes(probabilities, np.asarray(image))
    # NaN is in no range.
    is_wrong = ~((probabilities >= -_ROUNDING) & (probabilities <= 1 + _ROUNDING))
    if is_wrong.any():
        raise ValueError(
            "The CRF's probabilities must lie within 0..1 (give logits as such). "
            f"Received: {_first(is_wrong, probabilities)}."
        )
    return np.log(np.clip(probabilities, clip, 1.0))


def defined_values(values: tf.Tensor) -> tf.Tensor:
    """Replaces what has no softmax, in the graph.

    A pixel with NaN or infinity, or with nothing but -infinity, gets 0 for all labels, and no
    gradient. Other pixels stay as they are; -infinity among finite ones excludes a label.

    Args:
        values: float32 [..., C], logits or probabilities.
    """

    def defined() -> tf.Tensor:
        is_below = tf.reduce_all(values < np.inf, axis=-1, keepdims=True)  # NaN is below nothing
        is_above = tf.reduce_any(values > -np.inf, axis=-1, keepdims=True)
        return tf.where(is_below & is_above, values, 0.0)

    # Almost always all is finite; to find out takes a fraction of the time.
    is_finite = tf.reduce_all(tf.math.is_finite(values))
    return tf.cond(is_finite, lambda: tf.identity(values), defined)


def finite_image(image: tf.Tensor) -> tf.Tensor:
    """Returns the image, float32 [H, W, 3], checked in the graph.

    Raises:
        tf.errors.InvalidArgumentError: when run, it holds NaN or infinity.
    """
    is_finite = tf.reduce_all(tf.math.is_finite(image))
    check = tf.debugging.Assert(is_finite, ["The CRF's image holds NaN or infinity."])
    with tf.control_dependencies([check]):
        return tf.identity(image)


def _check_shapes(logits: np.ndarray, image: np.ndarray) -> None:
    if logits.ndim != 3 or image.shape != (*logits.shape[:2], 3):
        raise ValueError(
            "The CRF needs logits [H, W, C] and an image [H, W, 3] of the same height and width. "
            f"Received: logits of shape {logits.shape}, image of shape {image.shape}."
        )


def warn_of_probabilities(logits: np.ndarray, stacklevel: int = 5) -> None:
    """Warns of logits that are probabilities: all within 0..1, and 1 together in every pixel.

    Args:
        logits: float [..., C].
        stacklevel: frames up to the caller, see `warnings.warn`.
    """
    if logits.shape[-1] < 2 or not logits.size or logits.min() < 0 or logits.max() > 1:
        return
    if np.abs(logits.sum(-1) - 1).max() <= _ROUNDING:
        warnings.warn(
            "The CRF's logits look like probabilities; give them as such (probabilities=, or "
            "from_probabilities=True).",
            stacklevel=stacklevel,
        )


def warn_of_logits(probabilities: np.ndarray, stacklevel: int = 5) -> None:
    """Warns of probabilities that are logits: finite ones beyond 0..1.

    Args:
        probabilities: float [..., C].
        stacklevel: frames up to the caller, see `warnings.warn`.
    """
    finite = probabilities[np.isfinite(probabilities)]
    low, high = finite.min(initial=0), finite.max(initial=1)
    if low < -_ROUNDING or high > 1 + _ROUNDING:
        warnings.warn(
            f"The CRF's probabilities lie within {low:g}..{high:g} and are clipped to 0..1; give "
            "logits as such (from_probabilities=False).",
            stacklevel=stacklevel,
        )


def _check_logits(logits: np.ndarray) -> None:
    if np.isfinite(logits).all():
        warn_of_probabilities(logits)
        return
    is_wrong = np.isnan(logits) | (logits == np.inf)
    if is_wrong.any():
        raise ValueError(
            "The CRF's logits must not be NaN or infinity; look at the network before it. "
            f"Received: {_first(is_wrong, logits)}."
        )
    is_empty = np.broadcast_to((logits == -np.inf).all(axis=-1, keepdims=True), logits.shape)
    if is_empty.any():
        raise ValueError(
            "The CRF's logits must leave every pixel a label: -infinity excludes one. "
            f"Received: -infinity for all of them, {_first(is_empty, logits)}."
        )


def _check_colors(image: np.ndarray) -> None:
    if not image.size:
        return
    is_wrong = ~np.isfinite(image)
    if is_wrong.any():
        raise ValueError(
            f"The CRF's image must not hold NaN or infinity. Received: {_first(is_wrong, image)}."
        )
    low, high = float(image.min()), float(image.max())
    is_wide = high > 255 if image.dtype.kind == "u" else high - low > _WIDEST
    if is_wide:
        raise ValueError(
            f"The CRF's image must be RGB 0..255. Received: {image.dtype}, values from {low:g} to "
            f"{high:g}."
        )
    warn_of_scaled_image(image)


def warn_of_scaled_image(image: np.ndarray, stacklevel: int = 5) -> None:
    """Warns of an image whose values are no RGB 0..255 but scaled to a few units.

    Args:
        image: [..., 3].
        stacklevel: frames up to the caller, see `warnings.warn`.
    """
    if image.dtype.kind != "f" or not image.size:
        return
    low, high = float(image.min()), float(image.max())
    if max(-low, high) <= _SCALED and (image % 1).any():
        bounds = f"{low:.2g}..{high:.2g}" if max(-low, high) > 1 else f"{-1 if low < 0 else 0}..1"
        warnings.warn(
            f"The CRF's image looks scaled to {bounds}; bilateral_sigma_rgb expects RGB 0..255.",
            stacklevel=stacklevel,
        )


def _first(is_wrong: np.ndarray, values: np.ndarray) -> str:
    """Describes the first of the wrong values [H, W, n]."""
    row, column, channel = np.unravel_index(is_wrong.argmax(), is_wrong.shape)
    count = np.count_nonzero(is_wrong.any(axis=-1))
    pixels = "pixel" if count == 1 else "pixels"
    return (
        f"{values[row, column, channel]:g} at row {row}, column {column}, channel {channel}, "
        f"the first of {count} such {pixels}"
    )
