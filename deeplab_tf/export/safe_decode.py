"""Decodes images from clients inside a graph, or gives the reason why one cannot be decoded."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from deeplab_tf.data.image import decode_image, image_size, starts_as_jpeg, starts_as_png

EMPTY = "empty: no bytes"
NOT_AN_IMAGE = "not a JPEG or PNG"
BROKEN = "broken or cut off"


def decode_or_reason(contents: tf.Tensor, max_pixels: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes a JPEG or PNG with `decode_image`, unless it is broken or too large.

    The size is read from the header, so that a small file that claims a huge image takes
    neither memory nor time.

    Args:
        contents: string scalar, the bytes of the file.
        max_pixels: largest height times width that is decoded.

    Returns:
        The image, uint8 RGB [H, W, 3], and an empty string; or an empty image and the reason.

    Example:
        >>> image, reason = decode_or_reason(tf.constant("GIF89a"), max_pixels=1000)
        >>> image.shape, reason.numpy()
        (TensorShape([0, 0, 3]), b'not a JPEG or PNG')
    """
    sides = _or_default(image_size, contents, tf.zeros([2], tf.int32))
    height, width = tf.unstack(tf.cast(sides, tf.int64), num=2)
    # A PNG's sides are unsigned; those from 2**31 on are forbidden and read as negative.
    is_known = tf.minimum(height, width) > 0
    is_large = is_known & (height * width > max_pixels)
    nothing = tf.zeros([0, 0, 3], tf.uint8)
    image = tf.cond(
        is_known & ~is_large,
        lambda: _or_default(decode_image, contents, nothing),
        lambda: nothing,
    )
    size = tf.strings.join([tf.as_string(width), "x", tf.as_string(height)])
    too_large = tf.strings.join(["too large: ", size, f", the limit is {max_pixels} pixels"])
    reason = tf.where(is_large, too_large, BROKEN)
    reason = tf.where(starts_as_jpeg(contents) | starts_as_png(contents), reason, NOT_AN_IMAGE)
    reason = tf.where(tf.strings.length(contents) > 0, reason, EMPTY)
    return image, tf.where(tf.size(image) > 0, "", reason)


def _or_default(
    function: Callable[[tf.Tensor], tf.Tensor], contents: tf.Tensor, default: tf.Tensor
) -> tf.Tensor:
    """Returns the default if the function fails, instead of failing the whole batch."""
    result = tf.data.Dataset.from_tensors(contents).map(function).ignore_errors()
    result = result.concatenate(tf.data.Dataset.from_tensors(default))
    return result.take(1).get_single_element()
