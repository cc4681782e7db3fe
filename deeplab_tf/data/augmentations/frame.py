"""Which pixels of a stored image an example shows, as geometric operations change it."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from deeplab_tf.data.affine_crop import AffineCrop
from deeplab_tf.data.augmentations.argument import draw_below
from deeplab_tf.data.resized_crop import ResizedCrop


@dataclasses.dataclass(frozen=True)
class Frame:
    """Shows a resized image or a crop of it, with the sides as they are stored.

    Attributes:
        stored: int32 [2], height and width of the stored image.
        factor: on its sides, float64.
        scaled: int32 [2], the resized image's height and width; None before the crop.
        side: of the crop in pixels; None before it.
        start: int32 [2], the crop's upper left corner in the resized image.
        is_mirrored: whether left and right are exchanged.
        pads_left: whether padding stands left of the image instead of right.
    """

    stored: tf.Tensor
    factor: tf.Tensor | float = 1.0
    scaled: tf.Tensor | None = None
    side: int | None = None
    start: tf.Tensor | None = None
    is_mirrored: tf.Tensor | bool = False
    pads_left: tf.Tensor | bool = False

    def resized(self, factor: tf.Tensor | float) -> Frame:
        """Resizes by a factor; all factors together round once. Only before the crop."""
        return dataclasses.replace(self, factor=self.factor * factor)

    def cropped(self, side: int, uniform: tf.Tensor) -> Frame:
        """Crops at a random place; sides that are shorter are padded at the bottom and right.

        Args:
            side: height and width of the crop.
            uniform: float64 [2] in [0, 1), which decides row and column.
        """
        scaled = self._scaled()
        start = draw_below(uniform, tf.maximum(0, scaled - side) + 1)
        if self.is_mirrored is not False:
            top, left = tf.unstack(start)
            from_right = scaled[1] - tf.minimum(scaled[1], side) - left
            start = tf.stack([top, tf.where(self.is_mirrored, from_right, left)])
        return dataclasses.replace(self, scaled=scaled, side=side, start=start)

    def flipped(self, flag: tf.Tensor) -> Frame:
        """Exchanges left and right where the flag, a bool scalar, is set."""
        pads_left = False if self.side is None else _either(self.pads_left, flag)
        return dataclasses.replace(
            self, is_mirrored=_either(self.is_mirrored, flag), pads_left=pads_left
        )

    def transformed(self, matrix: tf.Tensor) -> TransformedFrame:
        """Maps the frame linearly around its centre; see `TransformedFrame.transformed`."""
        scaled = self._scaled()
        if self.side is None:
            extent, start, shown, padding = scaled, tf.zeros([2], tf.int32), scaled, 0
        else:
            extent, start = tf.constant([self.side] * 2), self.start
            shown = tf.minimum(scaled, self.side)
            padding = tf.where(self.pads_left, self.side - shown[1], 0)
        # Column x shows column origin + x of the resized image, or origin - x where mirrored.
        sign = tf.where(self.is_mirrored, -1, 1)
        origin = tf.where(self.is_mirrored, start[1] + shown[1] + padding, start[1] - padding)
        ratio = tf.cast(self.stored, tf.float64) / tf.cast(scaled, tf.float64)
        own = tf.linalg.diag(ratio * tf.cast(tf.stack([1, sign]), tf.float64))
        offset = ratio * tf.cast(tf.stack([start[0], origin]), tf.float64)
        frame = TransformedFrame(self.stored, extent, own, offset, self.side)
        return frame.transformed(matrix)

    def crop(self) -> ResizedCrop:
        """Returns what reads the pixels; only behind a crop."""
        assert self.side is not None
        return ResizedCrop(
            size=self.stored,
            scaled=self.scaled,
            start=self.start,
            shown=tf.minimum(self.scaled, self.side),
            mirrored=tf.convert_to_tensor(self.is_mirrored),
            side=self.side,
            pads_left=tf.convert_to_tensor(self.pads_left),
        )

    def _scaled(self) -> tf.Tensor:
        if self.scaled is not None:
            return self.scaled
        return tf.maximum(1, tf.cast(tf.cast(self.stored, tf.float64) * self.factor, tf.int32))


@dataclasses.dataclass(frozen=True)
class TransformedFrame:
    """Shows the stored image through an affine map, as rotated images need it.

    Coordinates are (row, column); the pixel in row i and column j covers i..i+1 and j..j+1.

    Attributes:
        stored: int32 [2], height and width of the stored image.
        extent: int32 [2], height and width of the frame.
        matrix: float64 [2, 2] from the frame's coordinates to those of the stored image.
        offset: float64 [2], where the frame's upper left corner lies in the stored image.
        side: of the crop in pixels; None before it.
    """

    stored: tf.Tensor
    extent: tf.Tensor
    matrix: tf.Tensor
    offset: tf.Tensor
    side: int | None = None

    def resized(self, factor: tf.Tensor | float) -> TransformedFrame:
        """Resizes by a factor. Only before the crop."""
        extent = tf.cast(self.extent, tf.float64)
        new = tf.maximum(1, tf.cast(extent * factor, tf.int32))
        ratio = extent / tf.cast(new, tf.float64)
        return dataclasses.replace(self, extent=new, matrix=self.matrix * ratio)

    def cropped(self, side: int, uniform: tf.Tensor) -> TransformedFrame:
        """Crops at a random place; see `Frame.cropped`."""
        start = draw_below(uniform, tf.maximum(0, self.extent - side) + 1)
        offset = self.offset + tf.linalg.matvec(self.matrix, tf.cast(start, tf.float64))
        return dataclasses.replace(self, extent=tf.constant([side] * 2), offset=offset, side=side)

    def flipped(self, flag: tf.Tensor) -> TransformedFrame:
        """Exchanges left and right where the flag, a bool scalar, is set."""
        sign = tf.where(flag, tf.constant([1.0, -1.0], tf.float64), 1.0)
        return self.transformed(tf.linalg.diag(sign))

    def transformed(self, matrix: tf.Tensor) -> TransformedFrame:
        """Maps the frame linearly around its centre.

        Args:
            matrix: float64 [2, 2] from (row, column) in the result to (row, column) before, both
                counted from the centre.
        """
        centre = tf.cast(self.extent, tf.float64) / 2
        shift = centre - tf.linalg.matvec(matrix, centre)
        return dataclasses.replace(
            self,
            matrix=self.matrix @ matrix,
            offset=self.offset + tf.linalg.matvec(self.matrix, shift),
        )

    def crop(self) -> AffineCrop:
        """Returns what reads the pixels; only behind a crop."""
        assert self.side is not None
        return AffineCrop(self.stored, self.side, self.matrix, self.offset)


def _either(before: tf.Tensor | bool, flag: tf.Tensor) -> tf.Tensor:
    return flag if before is False else tf.logical_xor(before, flag)
