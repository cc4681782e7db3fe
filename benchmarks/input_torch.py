"""The training pipeline as one writes it with Pillow and a PyTorch DataLoader."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from PIL import Image

from deeplab_tf.data.augment import AugmentationPipeline
from deeplab_tf.data.voc_layout import VocSplit


class PillowDataset:
    """A map-style data set: read, scale, pad, crop and mirror with Pillow.

    Args:
        split: gives the paths.
        augmentation: what happens to an image; scale with choices, crop and mirror count.
        pad_color: RGB of padding.
    """

    def __init__(
        self,
        split: VocSplit,
        augmentation: AugmentationPipeline,
        pad_color: tuple[float, float, float],
    ):
        self._paths = list(zip(split.image_paths, split.label_paths, strict=True))
        self._void = split.spec.ignore_label
        named = {operation.name: operation for operation in augmentation.operations}
        self._crop_size = augmentation.crop_size
        self._scales = named["scale"].values[0].numbers if "scale" in named else (1.0,)
        self._mirror = "mirror" in named
        self._pad_color = tuple(round(value) for value in pad_color)
        self._random = np.random.default_rng()

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int):
        """Returns tensors float32 ``[crop, crop, 3]`` and int32 ``[crop, crop]``."""
        import torch

        image, label = self.images(index)
        return torch.from_numpy(np.array(image, np.float32)), torch.from_numpy(
            np.array(label, np.int32)
        )

    def images(self, index: int) -> tuple[Image.Image, Image.Image]:
        """Returns the crop and its label as images."""
        image_path, label_path = self._paths[index]
        image, label = Image.open(image_path).convert("RGB"), Image.open(label_path)
        crop, draw = self._crop_size, self._random
        scale = self._scales[draw.integers(len(self._scales))]
        size = int(image.width * scale), int(image.height * scale)
        if size != image.size:
            image = image.resize(size, Image.Resampling.BILINEAR)
            label = label.resize(size, Image.Resampling.NEAREST)
        if min(size) < crop:
            size = max(size[0], crop), max(size[1], crop)
            image = _padded(image, size, self._pad_color)
            label = _padded(label, size, self._void)
        left, top = (draw.integers(side - crop + 1) for side in size)
        box = (left, top, left + crop, top + crop)
        image, label = image.crop(box), label.crop(box)
        if self._mirror and draw.random() < 0.5:
            flip = Image.Transpose.FLIP_LEFT_RIGHT
            image, label = image.transpose(flip), label.transpose(flip)
        return image, label


def torch_loader(
    split: VocSplit,
    augmentation: AugmentationPipeline,
    pad_color: tuple[float, float, float],
    batch: int,
    workers: int,
) -> Iterable | None:
    """Returns a DataLoader whose workers stay alive, or None where PyTorch is not installed."""
    try:
        import torch.utils.data
    except ImportError:
        return None
    torch.set_num_threads(1)
    return torch.utils.data.DataLoader(
        PillowDataset(split, augmentation, pad_color),
        batch_size=batch,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=True,
        # TensorFlow's threads do not survive a fork.
        multiprocessing_context="spawn",
    )


def _padded(image: Image.Image, size: tuple[int, int], fill) -> Image.Image:
    larger = Image.new(image.mode, size, fill)
    larger.paste(image)
    return larger
