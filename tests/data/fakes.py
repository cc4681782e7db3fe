"""Small files made by hand, so that tests need no decoder of their own."""

import json
import struct
import zlib

import numpy as np
from PIL import Image


def png_bytes(levels, depth, color_type, before_pixels=()):
    """A PNG of any kind: levels [height, width] or [height, width, channels], unfiltered."""
    height, width = levels.shape[:2]
    rows = levels.reshape(height, -1)
    if depth == 16:
        packed = [row.astype(">u2").tobytes() for row in rows]
    else:
        packed = [
            np.packbits(
                np.unpackbits(row.astype(np.uint8)[:, None], axis=1)[:, 8 - depth :]
            ).tobytes()
            for row in rows
        ]
    header = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in packed))
    chunks = [(b"IHDR", header), *before_pixels, (b"IDAT", pixels), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)


def _chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def smooth_image(height, width, seed=0):
    """An image on which JPEG does well: coarse noise, enlarged."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    return np.array(Image.fromarray(coarse).resize((width, height), Image.BICUBIC))


def random_label(height, width, num_classes, seed=0):
    label = np.random.default_rng(seed).integers(0, num_classes, (height, width))
    label[:2, :3] = 255
    return label.astype(np.uint8)


def make_voc_folder(folder, examples=5, num_classes=4, sizes=((20, 30), (25, 31))):
    """A data set in PASCAL VOC layout with splits train (all) and val (the first two)."""
    for sub in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (folder / sub).mkdir(parents=True)
    names = [f"pic_{i}" for i in range(examples)]
    for i, name in enumerate(names):
        size = sizes[i % len(sizes)]
        Image.fromarray(smooth_image(*size, seed=i)).save(folder / f"JPEGImages/{name}.jpg")
        label = Image.fromarray(random_label(*size, num_classes, seed=i))
        label.putpalette(bytes(range(256)) * 3)
        label.save(folder / f"SegmentationClass/{name}.png")
    (folder / "ImageSets/Segmentation/train.txt").write_text("\n".join(names) + "\n")
    (folder / "ImageSets/Segmentation/val.txt").write_text("\n".join(names[:2]) + "\n")
    spec = {"name": "fake", "class_names": [f"class {i}" for i in range(num_classes)]}
    (folder / "dataset.json").write_text(json.dumps(spec))
    return folder
