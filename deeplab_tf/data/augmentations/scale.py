"""Random scale."""

from __future__ import annotations

from deeplab_tf.data.augmentations.argument import Argument
from deeplab_tf.data.augmentations.frame import Frame, TransformedFrame
from deeplab_tf.data.augmentations.operation import Draws, Geometric


class Scale(Geometric):
    """Resizes by a random factor: ``scale(0.5|0.75|1)`` or ``scale(0.5..1.5)``.

    Sides are rounded down to whole pixels, at least 1. The image is interpolated bilinearly
    between pixel centres, as OpenCV's INTER_LINEAR does, without smoothing when it is reduced; the
    label takes the nearest pixel.

    Args:
        factor: on both sides; choices have equal chance, a range an even distribution.

    Source: DeepLab v2, section 4.1.2, and its released training code.
    """

    name = "scale"
    arguments = (Argument("factor", 0, above=True, random=True),)
    released_draws = 0
    changes_size = True

    def place(self, frame: Frame | TransformedFrame, draws: Draws) -> Frame | TransformedFrame:
        """Resizes the frame; see `Geometric.place`."""
        return frame.resized(self.values[0].draw(draws.number()))
