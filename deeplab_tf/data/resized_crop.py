"""A crop of a resized image, computed from the stored pixels that it needs."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf


class ResizedCrop(NamedTuple):
    """A square crop of a resized image, mirrored or not, and padded where the image is smaller.

    Attributes:
        size: int32 [2], height and width of the stored image.
        scaled: int32 [2], its size after resizing.
        start: int32 [2], the crop's upper left corner in the resized image.
        shown: int32 [2], height and width of the part of the crop that shows the image.
        mirrored: bool scalar, whether this part is flipped left to right.
        side: of the crop in pixels, padding included.
        pads_left: bool scalar, whether padding stands left of the image instead of right.
    """

    size: tf.Tensor
    scaled: tf.Tensor
    start: tf.Tensor
    shown: tf.Tensor
    mirrored: tf.Tensor
    side: int
    pads_left: tf.Tensor

    def window(self) -> tf.Tensor:
        """Returns which stored pixels are needed.

        Returns:
            int32 [4]: top, left, height, width.
        """
        needed = self._needed()
        whole = tf.concat([[0, 0], self.size], 0)
        return tf.where(self._keeps_size() | ~self._shows_most(), needed, whole)

    def show(self, pixels: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Resizes as OpenCV's INTER_LINEAR and INTER_NEAREST do.

        The numbers of the image are those of ``tf.image.resize``, to the last bit.

        Args:
            pixels: [height, width, 3], what `window` names.
            label: [height, width], all of the stored label map.

        Returns:
            float32 [*shown, 3] and int32 [*shown].
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

    def pad(
        self,
        image: tf.Tensor,
        label: tf.Tensor,
        pad_color: tuple[float, float, float],
        ignore_label: int,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Pads at the bottom, and right or left, where the image is smaller than the crop.

        Args:
            image: float32 [*shown, 3] from `show`; its colours may have been changed.
            label: int32 [*shown] from `show`.
            pad_color: RGB of padding.
            ignore_label: id of padding.

        Returns:
            float32 [side, side, 3] and int32 [side, side].
        """
        return tf.cond(
            tf.reduce_all(tf.equal(self.shown, self.side)),
            lambda: (image, label),
            lambda: self._padded(image, label, pad_color, ignore_label),
        )

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

    def _padded(
        self,
        image: tf.Tensor,
        label: tf.Tensor,
        pad_color: tuple[float, float, float],
        ignore_label: int,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        height, width = tf.unstack(tf.shape(label))
        below, beside = self.side - height, self.side - width
        left = tf.where(self.pads_left, beside, 0)
        label = tf.pad(label, [[0, below], [left, beside - left]], constant_values=ignore_label)

        # Constant, so that the graph holds it ready to be cut.
        canvas = tf.broadcast_to(tf.constant(pad_color, tf.float32), [self.side, self.side, 3])
        row = [canvas[:height, :left], image, canvas[:height, : beside - left]]
        return tf.concat([tf.concat(row, 1), canvas[:below]], 0), label

    def _interpolated(self, pixels: tf.Tensor) -> tf.Tensor:
        # Columns first, on bytes: copies of whole rows come cheap, those of pixels do not, and
        # there are fewer of them before the rows are enlarged. Flat rows of numbers, because
        # broadcasting along the last axis but one is slow.
        top, left, height, _ = tf.unstack(self._needed())
        lower, upper, weight = map(self._turned, self._neighbours(1))
        before, after = (
            tf.reshape(tf.cast(tf.gather(pixels, at - left, axis=1), tf.float32), [height, -1])
            for at in (lower, upper)
        )
        rows = _between(before, after, tf.repeat(weight, 3))
        lower, upper, weight = self._neighbours(0)
        before, after = (tf.gather(rows, at - top) for at in (lower, upper))
        flat = _between(before, after, weight[:, None])
        return tf.reshape(flat, [self.shown[0], self.shown[1], 3])


def _between(before: tf.Tensor, after: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    return before + (after - before) * weight
