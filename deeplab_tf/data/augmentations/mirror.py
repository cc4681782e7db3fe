"""Random mirror."""

from __future__ import annotations

from deeplab_tf.data.augmentations.frame import Frame, TransformedFrame
from deeplab_tf.data.augmentations.operation import Draws, Geometric


class Mirror(Geometric):
    """Exchanges left and right in half of the examples: ``mirror``.

    Wrong for data where left and right are different classes.

    Source: DeepLab v2's released training code.
    """

    name = "mirror"
    released_draws = 3

    def place(self, frame: Frame | TransformedFrame, draws: Draws) -> Frame | TransformedFrame:
        """Flips the frame; see `Geometric.place`."""
        return frame.flipped(draws.number() < 0.5)
