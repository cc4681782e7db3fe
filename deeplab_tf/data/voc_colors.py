"""The colours of the PASCAL VOC annotations."""

from __future__ import annotations

Color = tuple[int, int, int]
# Of void pixels in the annotations of PASCAL VOC.
VOID_COLOR = (224, 224, 192)


def voc_palette(count: int) -> tuple[Color, ...]:
    """Returns the colours of the PASCAL VOC annotations.

    The bits of an id are dealt to red, green and blue in turn, each channel filled from its
    highest bit down.

    Args:
        count: how many colours, at most 256.

    Returns:
        ``count`` tuples (red, green, blue), 0..255.

    Example:
        >>> voc_palette(3)
        ((0, 0, 0), (128, 0, 0), (0, 128, 0))
    """

    def channel(i: int, c: int) -> int:
        return sum(((i >> (3 * k + c)) & 1) << (7 - k) for k in range(3))

    return tuple((channel(i, 0), channel(i, 1), channel(i, 2)) for i in range(count))
