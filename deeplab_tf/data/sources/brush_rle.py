"""Decodes the run lengths of Label Studio's brush: rle-pack of thi.ng over the bytes of RGBA."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def decode_brush(code: Sequence[int], size: tuple[int, int]) -> np.ndarray:
    """Decodes a brush mask.

    The code is a stream of bits: the number of bytes (32 bits), bits of a byte less one (5), four
    lengths of counts less one (4 each); then runs of one byte (1, which length: 2, count less one,
    the byte) and of different ones (0, which length: 2, count less one, the bytes).

    Args:
        code: bytes 0..255.
        size: height and width of the image.

    Returns:
        bool ``[height, width]``: where alpha is not 0.

    Raises:
        ValueError: it is no such code, or of another size.
    """
    try:
        bits = np.unpackbits(np.frombuffer(bytes(list(code)), np.uint8))
    except (TypeError, ValueError):
        raise ValueError("its rle must be a list of numbers 0..255") from None
    text = (bits + ord("0")).tobytes().decode("ascii")
    place = 0

    def take(count: int) -> int:
        nonlocal place
        place += count
        if place > len(text):
            raise ValueError("its rle is cut off")
        return int(text[place - count : place], 2)

    total, word = take(32), take(5) + 1
    lengths = [take(4) + 1 for _ in range(4)]
    if total != size[0] * size[1] * 4 or word != 8:
        raise ValueError(f"its rle is not of an image of {size[1]} x {size[0]} pixels")
    values, done = np.zeros(total, np.uint8), 0
    while done < total:
        is_run = take(1)
        count = take(lengths[take(2)]) + 1
        end = min(done + count, total)
        if is_run:
            values[done:end] = take(word)
        else:
            start = place
            take(word * (end - done))
            values[done:end] = np.packbits(bits[start:place])
        done = end
    return values.reshape(*size, 4)[..., 3] > 0
