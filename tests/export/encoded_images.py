"""Images as clients send them, good and bad."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

from tests.data.fakes import png_bytes


def random_image(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, [height, width, 3], np.uint8)


def encoded(image, kind="png", **options):
    source = image if isinstance(image, Image.Image) else Image.fromarray(image)
    buffer = io.BytesIO()
    source.save(buffer, kind, **options)
    return buffer.getvalue()


def cmyk_jpeg():
    return encoded(Image.fromarray(random_image(24, 31)).convert("CMYK"), "jpeg", quality=95)


def sixteen_bit_png():
    return png_bytes(np.random.default_rng(2).integers(0, 65536, [9, 13, 3]), 16, 2)


def animated_gif():
    frames = [Image.fromarray(random_image(12, 15, seed)).convert("P") for seed in (0, 1)]
    return encoded(frames[0], "gif", save_all=True, append_images=frames[1:])


def png_that_claims(width, height):
    """A PNG whose header, checksum included, gives a size that its pixels do not fill."""
    contents = bytearray(encoded(random_image(5, 4)))
    contents[16:24] = struct.pack(">II", width, height)
    contents[29:33] = struct.pack(">I", zlib.crc32(contents[12:29]))
    return bytes(contents)


def jpeg_that_claims(width, height):
    contents = bytearray(encoded(random_image(5, 4), "jpeg"))
    size = contents.index(b"\xff\xc0") + 5
    contents[size : size + 4] = struct.pack(">HH", height, width)
    return bytes(contents)


def bomb(side):
    """A small and valid PNG of a large black square."""
    return encoded(Image.new("1", (side, side)))
