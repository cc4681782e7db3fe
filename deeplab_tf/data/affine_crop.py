"""A crop that shows an image through an affine map, such as a rotation."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

# Marks pixels of a label outside of the image until `AffineCrop.pad` fills them.
_OUTSIDE = -1


class AffineCrop(NamedTuple):
    """A square crop of an affinely mapped image, read from the stored pixels with one resampling.

    Coordinates are (row, column); the pixel in row i and column j covers i..i+1 and j..j+1.

    Attributes:
        size: int32 [2], height and width of the stored image.
        side: of the crop in pixels.
        matrix: float64 [2, 2] from the crop's coordinates to those of the stored image.
        offset: float64 [2], where the crop's upper left corner lies in the stored image.
    """

    size: tf.Tensor
    side: int
    matrix: tf.Tensor
    offset: tf.Tensor

    def window(self) -> tf.Tensor:
        """Returns which stored pixels are needed.

        Returns:
            int32 [4]: top, left, height, width; at least one pixel, inside the image.
        """
        first, last = 0.5, self.side - 0.5
        corners = tf.constant([[y, x] for y in (first, last) for x in (first, last)], tf.float64)
        places = tf.einsum("rc,nc->nr", self.matrix, corners) + self.offset
        # Between pixel centres two neighbours are mixed.
        begin = tf.cast(tf.floor(tf.reduce_min(places, 0) - 0.5), tf.int32)
        end = tf.cast(tf.floor(tf.reduce_max(places, 0) - 0.5), tf.int32) + 2
        begin = tf.clip_by_value(begin, 0, self.size - 1)
        end = tf.clip_by_value(end, begin + 1, self.size)
        return tf.concat([begin, end - begin], 0)

    def show(self, pixels: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Samples the image bilinearly and the label at the nearest pixel.

        Outside of the image its border is repeated and the label is marked, for `pad`.

        Args:
            pixels: [height, width, 3], what `window` names.
            label: [height, width], all of the stored label map.

        Returns:
            float32 [side, side, 3] and int32 [side, side].
        """
        top, left, height, width = tf.unstack(self.window())
        label = tf.cast(label[top : top + height, left : left + width], tf.int32)
        transform = self._transform(tf.stack([top, left]))
        image = self._sampled(tf.cast(pixels, tf.float32), transform, "BILINEAR", "NEAREST")
        return image, self._sampled(label[..., None], transform, "NEAREST", "CONSTANT")[..., 0]

    def pad(
        self,
        image: tf.Tensor,
        label: tf.Tensor,
        pad_color: tuple[float, float, float],
        ignore_label: int,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Fills what lies outside of the image.

        Args:
            image: float32 [side, side, 3] from `show`; its colours may have been changed.
            label: int32 [side, side] from `show`.
            pad_color: RGB of padding.
            ignore_label: id of padding.

        Returns:
            Both, of the same shapes.
        """
        outside = tf.equal(label, _OUTSIDE)
        filled = tf.where(outside[..., None], tf.constant(pad_color, tf.float32), image)
        return filled, tf.where(outside, ignore_label, label)

    def _transform(self, start: tf.Tensor) -> tf.Tensor:
        """The map as the operation takes it: between numbers of pixels, columns first."""
        centre = tf.linalg.matvec(self.matrix, tf.constant([0.5, 0.5], tf.float64)) + self.offset
        shift = centre - 0.5 - tf.cast(start, tf.float64)
        ((yy, yx), (xy, xx)) = (tf.unstack(row) for row in tf.unstack(self.matrix))
        zero = tf.zeros([], tf.float64)
        rows = tf.stack([xx, xy, shift[1], yx, yy, shift[0], zero, zero])
        return tf.cast(rows, tf.float32)

    def _sampled(
        self, pixels: tf.Tensor, transform: tf.Tensor, interpolation: str, fill_mode: str
    ) -> tf.Tensor:
        return tf.raw_ops.ImageProjectiveTransformV3(
            images=pixels[None],
            transforms=transform[None],
            output_shape=tf.constant([self.side] * 2),
            fill_value=tf.constant(_OUTSIDE, tf.float32),
            interpolation=interpolation,
            fill_mode=fill_mode,
        )[0]
