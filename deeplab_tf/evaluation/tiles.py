"""Cuts large images into overlapping tiles whose logits are those of the whole image.

With averages over the image (`DeepLab.has_global_context`: v3 and v3+ with image pooling) they are
not: the averages of a tile are those of the tile. `plan_grid` says how tiles overlap then.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.models.scaling import round_up

# Images up to so many pixels, such as 1920x1080, are computed as a whole.
WHOLE_PIXELS = 2**21


class Span(NamedTuple):
    """A tile along one axis, in pixels of the image.

    Attributes:
        start: first pixel that is computed.
        stop: the one behind the last.
        core_start: first pixel that is kept.
        core_stop: the one behind the last.
    """

    start: int
    stop: int
    core_start: int
    core_stop: int

    @property
    def computed(self) -> slice:
        """The part of the image that is computed."""
        return slice(self.start, self.stop)

    @property
    def core(self) -> slice:
        """The part of the image that is kept."""
        return slice(self.core_start, self.core_stop)

    @property
    def core_in_tile(self) -> slice:
        """Where the core lies in the part that is computed."""
        return slice(self.core_start - self.start, self.core_stop - self.start)


class TileGrid(NamedTuple):
    """Sizes of overlapping tiles, and where they lie in an image.

    Attributes:
        side: of a tile, k * multiple + 1.
        margin: pixels between the edge of a tile and its core, a multiple of `multiple`.
        multiple: of which origins are multiples, so that a tile's feature grids are parts of the
            whole image's.
    """

    side: int
    margin: int
    multiple: int

    def spans(self, size: int) -> list[Span]:
        """Cuts one side of an image; the cores follow each other without gaps.

        Example:
            >>> [tuple(span) for span in TileGrid(side=33, margin=8, multiple=8).spans(50)]
            [(0, 33, 0, 24), (16, 49, 24, 32), (24, 50, 32, 50)]
        """
        last = round_up(size, self.multiple) - self.side
        if last <= 0:
            return [Span(0, size, 0, size)]
        starts = [*range(0, last, self.side - 1 - 2 * self.margin), last]
        cuts = [0, *(start + self.margin for start in starts[1:]), size]
        return [
            Span(start, min(start + self.side, size), *core)
            for start, core in zip(starts, itertools.pairwise(cuts), strict=True)
        ]

    def tiles(self, height: int, width: int) -> Iterator[tuple[Span, Span]]:
        """Yields rows and columns of every tile."""
        return ((rows, columns) for rows in self.spans(height) for columns in self.spans(width))


def exact_margin(model: DeepLab, scales: Sequence[float]) -> int:
    """Returns how far from a tile's edge its logits are those of the whole image, in pixels.

    That is half of the receptive field at the smallest scale, and what zooming adds: 226 pixels
    for VGG-16 with LargeFOV at scale 1, 451 at scale 0.5.
    Averages over the image are left out: what they change, they change everywhere.

    Args:
        model: a DeepLab.
        scales: at which logits are computed.
    """
    zoom = model.logit_stride * (1 if model.scales == (1.0,) else 2)
    return math.ceil((model.receptive_field_radius + zoom) / (min(scales) * min(model.scales))) + 1


def plan_grid(model: DeepLab, scales: Sequence[float], multiple: int, side: int) -> TileGrid:
    """Chooses the margin of tiles: what makes them exact, but at most a quarter of the side.

    With averages over the image no margin does, and it is a quarter of the side for every network:
    tiles overlap by half, so that neighbours average over the same half of their pixels and
    labels change little where one core ends and the next starts. Such tiles should not be smaller
    than the crops of the training, whose averages the network knows.

    Args:
        model: a DeepLab.
        scales: at which logits are computed.
        multiple: of which origins are multiples.
        side: largest side of a tile in pixels; rounded down to the next k * multiple + 1.

    Raises:
        ValueError: the side is smaller than the smallest tile.
    """
    if side < multiple + 1:
        raise ValueError(f"tile must be at least {multiple + 1} here. Received: tile={side}")
    steps = (side - 1) // multiple
    margin = steps // 4
    if not model.has_global_context:
        margin = min(math.ceil(exact_margin(model, scales) / multiple), margin)
    return TileGrid(steps * multiple + 1, margin * multiple, multiple)
