"""Random rotation."""

from __future__ import annotations

import math

import tensorflow as tf

from deeplab_tf.data.augmentations.argument import Argument
from deeplab_tf.data.augmentations.frame import Frame, TransformedFrame
from deeplab_tf.data.augmentations.operation import Draws, Geometric


class Rotate(Geometric):
    """Rotates around the centre: ``rotate(10)``, ``rotate(-5..20)`` or ``rotate(0|90|180|270)``.

    Behind `crop` it turns around the crop's centre and shows what lies beyond the crop's edges
    where the image has it; before `crop` it turns around the image's centre. What lies outside of
    the image has the mean colour and the void label. The image is interpolated bilinearly, the
    label takes the nearest pixel; resizing and rotating are one interpolation.

    Args:
        degrees: counter-clockwise. One number N stands for -N..N; choices have equal chance, a
            range an even distribution.
    """

    name = "rotate"
    arguments = (Argument("degrees", -360, 360, random=True),)

    def place(self, frame: Frame | TransformedFrame, draws: Draws) -> Frame | TransformedFrame:
        """Rotates the frame; see `Geometric.place`."""
        most = abs(self.values[0].numbers[0])
        angle = self.values[0].draw(draws.number(), single=(-most, most)) * (math.pi / 180)
        cos, sin = tf.cos(angle), tf.sin(angle)
        return frame.transformed(tf.stack([tf.stack([cos, sin]), tf.stack([-sin, cos])]))
