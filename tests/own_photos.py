"""Twenty small photos with labels in labelme's format, as a person has made them.

python -m tests.own_photos FOLDER

A person, a cat, a cup and a flower of scikit-image's and scikit-learn's photos, which were outlined
by hand, stand before other photos in other places and sizes; what is pasted has the outline's
polygon as its label.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageOps
from skimage import data
from sklearn.datasets import load_sample_image

WIDTH, HEIGHT, PHOTOS = 320, 240, 20
# Outlines in pixels of the photo, clicked on a grid.
OUTLINES = {
    "person": [
        (20, 511), (30, 440), (22, 400), (30, 340), (50, 280), (100, 232), (118, 210), (115, 180),
        (130, 160), (165, 150), (178, 148), (170, 122), (155, 100), (153, 65), (175, 35), (215, 18),
        (255, 15), (285, 30), (300, 60), (298, 95), (280, 135), (262, 165), (258, 178), (285, 190),
        (302, 225), (300, 240), (335, 262), (352, 290), (360, 350), (320, 370), (290, 405),
        (278, 440), (275, 511),
    ],
    "cat": [
        (0, 299), (0, 150), (30, 100), (38, 50), (42, 0), (392, 0), (390, 30), (362, 50), (350, 70),
        (365, 120), (350, 170), (335, 205), (345, 240), (310, 290), (300, 299),
    ],
    "cup": [
        (173, 100), (180, 70), (205, 40), (240, 22), (285, 17), (335, 24), (375, 45), (400, 75),
        (407, 105), (400, 150), (388, 200), (370, 230), (330, 250), (325, 262), (295, 283),
        (262, 280), (240, 305), (215, 308), (197, 290), (200, 270), (205, 235), (190, 205),
        (178, 150),
    ],
    "flower": [
        (170, 200), (178, 172), (190, 140), (215, 112), (250, 97), (285, 92), (315, 85), (345, 92),
        (380, 102), (408, 120), (430, 150), (443, 190), (443, 230), (430, 270), (415, 300),
        (385, 335), (345, 352), (300, 357), (260, 348), (222, 330), (195, 300), (175, 260),
    ],
}  # fmt: skip


def write_photos(folder: Path, photos: int = PHOTOS) -> None:
    """Writes `photo_00.jpg`, `photo_00.json` and so on, always the same."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    objects = {name: _cut_out(_photo(name), outline) for name, outline in OUTLINES.items()}
    backgrounds = [load_sample_image("china.jpg"), data.rocket(), data.grass(), data.brick(),
                   data.gravel(), data.coffee()[:, 480:], data.immunohistochemistry()]  # fmt: skip
    for number in range(photos):
        photo = _background(backgrounds[number % len(backgrounds)], rng)
        chosen = rng.permutation(sorted(objects))[: 1 + number % 3]
        shapes = []
        for place, name in enumerate(chosen):
            left, right = (round(WIDTH * edge / len(chosen)) for edge in (place, place + 1))
            points = _paste(photo, *objects[name], left, right, rng)
            shapes.append({"label": name, "shape_type": "polygon", "points": points})
        photo = ImageEnhance.Brightness(photo).enhance(rng.uniform(0.7, 1.2))
        file = folder / f"photo_{number:02}.jpg"
        photo.save(file, quality=92)
        label = {
            "version": "5.5.0", "flags": {}, "shapes": shapes, "imagePath": file.name,
            "imageData": None, "imageHeight": HEIGHT, "imageWidth": WIDTH,
        }  # fmt: skip
        file.with_suffix(".json").write_text(json.dumps(label, indent=1))


def _photo(name: str) -> Image.Image:
    array = {"person": data.astronaut, "cat": data.chelsea, "cup": data.coffee}.get(name)
    return Image.fromarray(array() if array else load_sample_image("flower.jpg"))


def _cut_out(photo: Image.Image, outline: list) -> tuple[Image.Image, np.ndarray]:
    """Returns what an outline holds, transparent around it, and the outline within that."""
    mask = Image.new("L", photo.size)
    ImageDraw.Draw(mask).polygon(outline, fill=255)
    photo.putalpha(mask)
    box = mask.getbbox()
    return photo.crop(box), np.array(outline, float) - box[:2]


def _background(array: np.ndarray, rng: np.random.Generator) -> Image.Image:
    photo = Image.fromarray(array).convert("RGB")
    scale = rng.uniform(0.6, 1.0) * min(photo.width / WIDTH, photo.height / HEIGHT)
    width, height = round(WIDTH * scale), round(HEIGHT * scale)
    left, top = rng.integers(photo.width - width + 1), rng.integers(photo.height - height + 1)
    return photo.crop((left, top, left + width, top + height)).resize((WIDTH, HEIGHT))


def _paste(photo, thing, outline, left: int, right: int, rng) -> list:
    """Pastes a thing between two columns, mirrored or not; returns its outline in the photo."""
    scale = rng.uniform(0.6, 0.95) * min((right - left) / thing.width, HEIGHT / thing.height)
    size = max(1, round(thing.width * scale)), max(1, round(thing.height * scale))
    x, y = left + rng.integers(right - left - size[0] + 1), rng.integers(HEIGHT - size[1] + 1)
    small = thing.resize(size)
    points = outline * [size[0] / thing.width, size[1] / thing.height]
    if rng.random() < 0.5:
        small, points[:, 0] = ImageOps.mirror(small), size[0] - points[:, 0]
    photo.paste(small, (int(x), int(y)), small)
    return [[round(float(a + x), 2), round(float(b + y), 2)] for a, b in points]


if __name__ == "__main__":
    write_photos(Path(sys.argv[1]))
