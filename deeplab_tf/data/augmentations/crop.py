"""Random crop with padding."""

from __future__ import annotations

from deeplab_tf.data.augmentations.argument import Argument
from deeplab_tf.data.augmentations.frame import Frame, TransformedFrame
from deeplab_tf.data.augmentations.operation import Draws, Geometric

# 3 GiB a crop in float32; the largest published one has 769 pixels.
LARGEST_SIDE = 2**14


class Crop(Geometric):
    """Cuts a square out at a random place: ``crop(321)``.

    Images that are smaller are padded at the bottom and right with the mean colour and the void
    label. Every augmentation has exactly one crop: it gives training its fixed size.

    Args:
        side: height and width in pixels; larger crops show more context and cost memory with
            their square.

    Source: DeepLab v2's released training code (crop 321).
    """

    name = "crop"
    arguments = (Argument("side", 1, LARGEST_SIDE, whole=True),)
    released_draws = slice(1, 3)

    @property
    def side(self) -> int:
        """Height and width in pixels."""
        return int(self.values[0].numbers[0])

    def place(self, frame: Frame | TransformedFrame, draws: Draws) -> Frame | TransformedFrame:
        """Crops the frame; see `Geometric.place`."""
        return frame.cropped(self.side, draws.numbers(2))
