"""A part of a resized image, computed from the stored pixels that it needs."""

from typing import NamedTuple

import tensorflow as tf


class View(NamedTuple):
    """Which part of a resized image is shown, and which way round.

    Attributes:
        size: int32 ``[2]``, height and width of the stored image.
        scaled: int32 ``[2]``, its size after resizing.
        start: int32 ``[2]``, the part's upper left corner in the resized image.
        shown: int32 ``[2]``, the part's height and width.
        mirrored: bool scalar, whether the part is flipped left to right.
    """

    size: tf.Tensor
    scaled: tf.Tensor
    start: tf.Tensor
    shown: tf.Tensor
    mirrored: tf.Tensor

    def window(self) -> tf.Tensor:
        """The stored pixels that ``show`` asks for.

        Returns:
            int32 ``[4]``: top, left, height, width.
        """
        needed = self._needed()
        whole = tf.concat([[0, 0], self.size], 0)
        return tf.where(self._keeps_size() | ~self._shows_most(), needed, whole)

    def show(self, pixels: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Resizes as OpenCV's INTER_LINEAR and INTER_NEAREST do.

        The numbers of the image are those of ``tf.image.resize``, to the last bit.

        Args:
            pixels: ``[height, width, 3]``, what ``window`` names.
            label: ``[height, width]``, all of the stored label map.

        Returns:
            float32 ``[*shown, 3]`` and int32 ``[*shown]``.
        """
        image, label = tf.cond(
            self._keeps_size(),
            lambda: (
                tf.cast(self._mirrored(pixels), tf.float32),
                self._mirrored(self._cut(label)),
            ),
            lambda: (self._resized(pixels), self._nearest(label)),
        )
        return image, tf.cast(label, tf.int32)

    def _keeps_size(self) -> tf.Tensor:
        return tf.reduce_all(tf.equal(self.size, self.scaled))

    def _shows_most(self) -> tf.Tensor:
        # TensorFlow's own resizing knows no window, but is twice as fast a pixel.
        return tf.reduce_prod(self.scaled) < 2 * tf.reduce_prod(self.shown)

    def _needed(self) -> tf.Tensor:
        lower, upper, _ = zip(*(self._neighbours(axis) for axis in (0, 1)), strict=True)
        first = tf.stack([taps[0] for taps in lower])
        return tf.concat([first, tf.stack([taps[-1] for taps in upper]) + 1 - first], 0)

    def _places(self, axis: int) -> tf.Tensor:
        return self.start[axis] + tf.range(self.shown[axis])

    def _neighbours(self, axis: int) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """The stored rows or columns before and after each shown one, and the second's weight."""
        size, scaled = self.size[axis], self.scaled[axis]
        ratio = tf.cast(size, tf.float32) / tf.cast(scaled, tf.float32)
        centres = (tf.cast(self._places(axis), tf.float32) + 0.5) * ratio - 0.5
        before = tf.floor(centres)
        lower = tf.maximum(tf.cast(before, tf.int32), 0)
        upper = tf.minimum(tf.cast(tf.math.ceil(centres), tf.int32), size - 1)
        return lower, upper, centres - before

    def _turned(self, columns: tf.Tensor) -> tf.Tensor:
        return tf.where(self.mirrored, tf.reverse(columns, [0]), columns)

    def _cut(self, whole: tf.Tensor) -> tf.Tensor:
        (top, left), (height, width) = tf.unstack(self.start), tf.unstack(self.shown)
        return whole[top : top + height, left : left + width]

    def _mirrored(self, part: tf.Tensor) -> tf.Tensor:
        return tf.cond(self.mirrored, lambda: tf.reverse(part, [1]), lambda: part)

    def _nearest(self, label: tf.Tensor) -> tf.Tensor:
        rows, columns = (
            self._places(axis) * self.size[axis] // self.scaled[axis] for axis in (0, 1)
        )
        return tf.gather(tf.gather(label, rows), self._turned(columns), axis=1)

    def _resized(self, pixels: tf.Tensor) -> tf.Tensor:
        return tf.cond(
            self._shows_most(),
            lambda: self._mirrored(self._cut(tf.image.resize(pixels, self.scaled))),
            lambda: self._interpolated(pixels),
        )

    def _interpolated(self, pixels: tf.Tensor) -> tf.Tensor:
        # Columns first, on bytes: copies of whole rows come cheap, those of pixels do not, and
        # there are fewer of them before the rows are enlarged. Flat rows of numbers, because
        # broadcasting along the last axis but one is slow.
        top, left, height, _ = tf.unstack(self._needed())
        lower, upper, weight = map(self._turned, self._neighbours(1))
        rows = _between(
            *(
                tf.reshape(tf.cast(tf.gather(pixels, at - left, axis=1), tf.float32), [height, -1])
                for at in (lower, upper)
            ),
            tf.repeat(weight, 3),
        )
        lower, upper, weight = self._neighbours(0)
        flat = _between(*(tf.gather(rows, at - top) for at in (lower, upper)), weight[:, None])
        return tf.reshape(flat, [self.shown[0], self.shown[1], 3])


def _between(before: tf.Tensor, after: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    return before + (after - before) * weight
