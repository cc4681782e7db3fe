"""Where the points of a map lie in the image."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

Interval = tuple[int, int]


class PlacedMap(NamedTuple):
    """A map [B, H, W, C] whose points lie on a grid in the image.

    Attributes:
        stride: input pixels between two points, in the classifier.
        seen: for rows and for columns the first and the last pixel that point 0 sees.
    """

    stride: int = 1
    seen: tuple[Interval, Interval] = ((0, 0), (0, 0))

    def window(self, spans: Sequence[int], before: Sequence[int], strides: int) -> PlacedMap:
        """Returns the map that a window makes of this one.

        Args:
            spans: points from the first tap to the last, for rows and for columns.
            before: of these, those that lie before the point where the window is.
            strides: subsampling.
        """
        seen = [
            (first - b * self.stride, last + (span - b) * self.stride)
            for (first, last), span, b in zip(self.seen, spans, before, strict=True)
        ]
        return PlacedMap(self.stride * strides, (seen[0], seen[1]))

    def moved(self, points: Sequence[int]) -> PlacedMap:
        """Returns the map whose first point lies so many points farther, for rows and columns."""
        rows, columns = (
            (first + n * self.stride, last + n * self.stride)
            for (first, last), n in zip(self.seen, points, strict=True)
        )
        return PlacedMap(self.stride, (rows, columns))

    def centred(self, spans: Sequence[int]) -> tuple[int, int]:
        """Returns `before` of a window that sees equally far to both sides.

        A window with an even number of taps cannot; it lies where its point comes nearest to the
        pixel that the point stands for.
        """

        def best(span: int, interval: Interval) -> int:
            middle = sum(interval) + span * self.stride  # twice the pixel, if nothing lay before
            return min((span // 2, -(-span // 2)), key=lambda b: abs(middle - 2 * b * self.stride))

        rows, columns = map(best, spans, self.seen)
        return rows, columns

    @property
    def radius(self) -> int:
        """Input pixels that a point sees to its farther side."""
        return max(max(-first, last) for first, last in self.seen)


def union(maps: Iterable[PlacedMap]) -> PlacedMap:
    """Returns what maps on one grid see together."""
    together = list(maps)
    rows, columns = (
        (min(m.seen[axis][0] for m in together), max(m.seen[axis][1] for m in together))
        for axis in (0, 1)
    )
    return PlacedMap(together[0].stride, (rows, columns))
