"""Scores of an image at several scales and mirrored, fused: a pure function of the graph."""

from __future__ import annotations

import tensorflow as tf

from deeplab_tf.layers.resize import resize
from deeplab_tf.models.scaling import (
    LARGEST_DENOMINATOR,
    MOST_SCALES,
    grid_multiple,
    rescale,
    round_up,
)

FUSIONS = ("mean", "max")

# The logarithm of what rounds to zero; nothing that small comes back in an argmax or the CRF.
LEAST_PROBABILITY = 1e-37
# What a network that overflows, or has a broken weight, gives; its labels would all be 0.
NOT_FINITE = "logits of the network are not finite (NaN or infinity), so there are no labels"
# Time and memory grow with the square of a scale.
LARGEST_SCALE = 8


def checked_scales(scales) -> tuple[float, ...]:
    """Returns scales as a tuple of floats.

    Raises:
        ValueError: there are none or too many, one is not positive or too large, or they are no
            simple fractions.
    """
    scales = tuple(float(scale) for scale in scales)
    bounded = len(scales) <= MOST_SCALES and all(0 < scale <= LARGEST_SCALE for scale in scales)
    if not scales or not bounded or grid_multiple(1, scales) > LARGEST_DENOMINATOR:
        shown = scales if len(scales) <= MOST_SCALES else f"{len(scales)} of them"
        raise ValueError(
            f"scales must be 1 to {MOST_SCALES} positive simple fractions of at most "
            f"{LARGEST_SCALE}, such as (0.5, 0.75, 1.0, 1.25). Received: scales={shown}"
        )
    return scales


def fused_logits(model, images, scales=(1.0,), flip=False, fusion="mean", sizes=None):
    """Scores images at every scale, each also mirrored if wanted, and fuses the logits.

    An image is padded below and to the right with the mean colour until the grids of all scales
    fit, resized between aligned corners, mirrored as a whole and scored; the logits are mirrored
    back, zoomed by the exact factor and cropped. One pass after the other is computed, so that
    memory does not grow with their number.

    Args:
        model: a DeepLab.
        images: uint8 or float RGB 0..255 [B, H, W, 3].
        scales: factors on the images' sides; a model with scales of its own applies those on
            top.
        flip: also logits the mirrored images.
        fusion: `mean` of the probabilities, given as their logarithm, or `max` of the logits.
        sizes: int32 [B, 2], height and width of the part of each image that counts; the rest is
            taken as padding. None for all of it.

    Returns:
        float32 [B, H, W, C]; their softmax are probabilities. With one scale and no mirroring
        these are the model's logits.
    """
    return logits_and_finite(model, images, scales, flip, fusion, sizes)[0]


def logits_and_finite(model, images, scales=(1.0,), flip=False, fusion="mean", sizes=None):
    """Scores images as `fused_logits` does and says whether the logits can be trusted.

    It takes the same arguments. Looked at are the logits on the feature grid of every pass, before
    fusing could hide a NaN: at an output stride of 8 a sixty-fourth of the logits, which the
    processor still has at hand. Zooming keeps finite numbers finite.

    Returns:
        float32 [B, H, W, C], and bool [B]: whether all of an image's logits are finite.
    """
    height, width = tf.unstack(tf.shape(images)[1:3])
    padded_images = _padded(
        images, grid_multiple(model.size_multiple, scales), model.mean_rgb, sizes
    )
    padded_size = tf.unstack(tf.shape(padded_images)[1:3])
    finite = []
    passes = [(s, mirrored) for s in scales for mirrored in ((False, True) if flip else (False,))]

    def score(scale, mirrored):
        resized = rescale(padded_images, scale)
        grid = model.logit_maps(resized[:, :, ::-1] if mirrored else resized)[0]
        finite.append(tf.reduce_all(tf.math.is_finite(grid), axis=[1, 2, 3]))
        logits = resize(grid[:, :, ::-1] if mirrored else grid, padded_size)
        return tf.ensure_shape(logits[:, :height, :width], [*images.shape[:3], model.num_classes])

    mean = len(passes) > 1 and fusion == "mean"
    fused = tf.nn.softmax(score(*passes[0])) if mean else score(*passes[0])
    for one in passes[1:]:
        with tf.control_dependencies([fused]):
            logits = score(*one)
            fused = fused + tf.nn.softmax(logits) if mean else tf.maximum(fused, logits)
    if mean:
        fused = tf.math.log(tf.maximum(fused / len(passes), LEAST_PROBABILITY))
    return fused, tf.reduce_all(tf.stack(finite), axis=0)


def grid_logits(model, images, scale: float):
    """Scores images at one scale on the feature grid there, from which `zoom_grid_logits` goes on.

    Args:
        model: a DeepLab.
        images: uint8 or float RGB 0..255 [B, H, W, 3].
        scale: factor on the images' sides.

    Returns:
        float32 [B, h, w, C].
    """
    padded_images = _padded(
        images, grid_multiple(model.size_multiple, [scale]), model.mean_rgb, None
    )
    return model.logit_maps(rescale(padded_images, scale))[0]


def zoom_grid_logits(model, grid, scale: float, height, width):
    """Brings what `grid_logits` gives to the images' size: the logits of `fused_logits`."""
    multiple = grid_multiple(model.size_multiple, [scale])
    return resize(grid, [round_up(n, multiple) for n in (height, width)])[:, :height, :width]


def _padded(images, multiple: int, color, sizes):
    """Pads to the next sides `k * multiple + 1` with a colour, also over what does not count."""
    height, width = tf.unstack(tf.shape(images)[1:3])
    rows, columns = (tf.range(round_up(side, multiple)) for side in (height, width))
    if sizes is None:
        sizes = tf.stack([[height, width]])
    inside = (rows < sizes[:, :1])[:, :, None] & (columns < sizes[:, 1:])[:, None]
    padding = [[0, 0], [0, tf.size(rows) - height], [0, tf.size(columns) - width], [0, 0]]
    return tf.where(inside[..., None], tf.pad(tf.cast(images, tf.float32), padding), color)
