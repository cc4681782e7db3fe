"""The synthetic data set: procedural scenes for the quick start and the tests.

Every scene has a plain background and a few shapes. A class is a kind of shape with a kind of
texture; its colour is random, but differs from what lies around it.
A thin void line follows every outline, as in PASCAL VOC.
"""

from __future__ import annotations

import functools
import zlib

import numpy as np
import tensorflow as tf

from deeplab_tf.data.spec import SYNTHETIC, DataError, DatasetSpec

_CLASS_NAMES = ("background", "striped disc", "checked square", "dotted triangle", "speckled cross")
_EXAMPLES = {"train": 240, "val": 60}
_VOID = 255
# Validation images differ in size, so that nothing can rely on one.
_SIZES = {"train": ((97, 97),), "val": ((97, 97), (89, 113), (113, 89), (96, 120), (105, 97))}
_CONTRAST = (26.0, 36.0)
_GRAIN = 3.0


def synthetic_spec() -> DatasetSpec:
    """Returns the description of the synthetic data set."""
    return DatasetSpec(SYNTHETIC, _CLASS_NAMES, splits=dict(_EXAMPLES), ignore_label=_VOID)


class SyntheticSplit:
    """One split of the synthetic data set, drawn when it is opened.

    Args:
        split: ``"train"`` or ``"val"``.
        examples: number of images; None means 240 and 60.
        seed: another seed draws other images.

    Raises:
        DataError: when there is no such split.

    Example:
        >>> split = SyntheticSplit("train", examples=2)
        >>> split.load(tf.constant(1, tf.int64))["image"].shape
        TensorShape([97, 97, 3])
    """

    def __init__(self, split: str, examples: int | None = None, seed: int = 0):
        if split not in _EXAMPLES:
            known = ", ".join(_EXAMPLES)
            raise DataError(f"The data set 'synthetic' has no split {split!r}; it has: {known}.")
        self.spec, self.split, self.labelled = synthetic_spec(), split, True
        count = _EXAMPLES[split] if examples is None else examples
        if count < 1:
            raise ValueError(f"examples must be at least 1. Received: {examples}.")
        self.names = [f"{split}_{index:04d}" for index in range(count)]
        scenes = [draw_scene(split, index, seed) for index in range(count)]
        self._keep(scenes)

    def _keep(self, scenes: list[tuple[np.ndarray, np.ndarray]]) -> None:
        # One array for all sizes: a graph cannot index a list.
        sizes = np.array([label.shape for _, label in scenes])
        labels = np.zeros((len(scenes), *sizes.max(0)), np.uint8)
        images = np.zeros((*labels.shape, 3), np.uint8)
        for index, (image, label) in enumerate(scenes):
            height, width = label.shape
            images[index, :height, :width], labels[index, :height, :width] = image, label
        with tf.init_scope(), tf.device("CPU:0"):
            self._images, self._labels = tf.constant(images), tf.constant(labels)
            self._sizes, self._names = tf.constant(sizes), tf.constant(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def load(self, index: tf.Tensor) -> dict[str, tf.Tensor]:
        """Reads one example inside a graph; see ``Split.load``."""
        size = self._sizes[index]
        return {
            "image": self._images[index, : size[0], : size[1]],
            "label": tf.cast(self._labels[index, : size[0], : size[1]], tf.int32),
            "name": self._names[index],
        }

    def check(self, limit: int | None = None) -> None:
        """Does nothing: there are no files that could be wrong."""


@functools.lru_cache(maxsize=512)
def draw_scene(split: str, index: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draws one image; the same arguments give the same pixels.

    Returns:
        uint8 image ``[height, width, 3]`` and uint8 label ``[height, width]``, read-only.
    """
    rng = np.random.default_rng([seed, zlib.crc32(split.encode()), index])
    height, width = _SIZES[split][index % len(_SIZES[split])]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    colors: list[np.ndarray] = [rng.uniform(45, 210, 3)]
    centers: list[np.ndarray] = []
    slope = rng.uniform(-12, 12, (2, 3))
    image = colors[0] + (y / height - 0.5)[..., None] * slope[0]
    image += (x / width - 0.5)[..., None] * slope[1]
    label = np.zeros((height, width), np.uint8)
    for _ in range(rng.integers(2, 5)):
        kind = int(rng.integers(1, len(_CLASS_NAMES)))
        colors.append(_farthest(rng.uniform(45, 210, (8, 3)), colors))
        centers.append(_farthest(rng.uniform(14, (width - 14, height - 14), (4, 2)), centers))
        distance = _outline_distance(kind, x - centers[-1][0], y - centers[-1][1], rng)
        texture = rng.uniform(*_CONTRAST) * _texture(kind, x, y, rng)
        cover = np.clip(0.5 - distance, 0, 1)[..., None]
        image += cover * (colors[-1] + texture[..., None] - image)
        label[distance < 0] = kind
        label[np.abs(distance) < 1] = _VOID
    image += rng.normal(0, _GRAIN, image.shape)
    image = np.clip(image.round(), 0, 255).astype(np.uint8)
    for array in (image, label):
        array.setflags(write=False)  # who asks again gets the same
    return image, label


def _farthest(candidates: np.ndarray, others: list[np.ndarray]) -> np.ndarray:
    """Returns the candidate colour or place that differs most from those in the image."""
    if not others:
        return candidates[0]
    gaps = np.linalg.norm(candidates[:, None] - np.array(others)[None], axis=-1)
    return candidates[gaps.min(1).argmax()]


def _turned(x: np.ndarray, y: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    return x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)


def _outline_distance(
    kind: int, x: np.ndarray, y: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Returns the distance of every pixel to the outline of a shape at (0, 0), negative inside."""
    radius = rng.uniform(16, 28)
    u, v = _turned(x, y, rng.uniform(0, 2 * np.pi))
    if kind == 1:
        return np.hypot(u, v) - radius
    u_size, v_size = np.abs(u), np.abs(v)
    if kind == 2:
        return np.maximum(u_size, v_size) - 0.85 * radius
    if kind == 3:
        return np.maximum(0.866 * u_size + 0.5 * v, -v) - 0.62 * radius
    arm = 0.4 * radius
    upright = np.maximum(u_size - radius, v_size - arm)
    return np.minimum(upright, np.maximum(v_size - radius, u_size - arm))


def _texture(kind: int, x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns the pattern of a class, -1..1, rotated at random."""
    u, v = _turned(x, y, rng.uniform(0, 2 * np.pi))
    u, v = u + rng.uniform(0, 8), v + rng.uniform(0, 8)
    if kind == 1:
        return np.sin(2 * np.pi * u / 6)
    if kind == 2:
        return np.sign(np.sin(np.pi * u / 6) * np.sin(np.pi * v / 6))
    if kind == 3:
        return np.where(np.cos(2 * np.pi * u / 9) + np.cos(2 * np.pi * v / 9) > 0.6, 1.0, -0.4)
    blocks = rng.choice([-1.0, 1.0], (x.shape[0] // 2 + 1, x.shape[1] // 2 + 1))
    return np.kron(blocks, np.ones((2, 2)))[: x.shape[0], : x.shape[1]]
