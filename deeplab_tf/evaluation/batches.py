"""Batches of images of several sizes, padded to one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from deeplab_tf.models.scaling import round_up


def checked_image(image: np.ndarray) -> np.ndarray:
    """Returns an image as an array.

    Args:
        image: uint8 RGB [H, W, 3], or what NumPy makes one of.

    Raises:
        ValueError: it is not uint8 RGB [H, W, 3], or empty.
    """
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[-1] != 3 or not image.size:
        raise ValueError(
            "image must be uint8 RGB [height, width, 3]. "
            f"Received: {image.dtype} of shape {image.shape}"
        )
    return image


def batches_of_one_size(
    images: Sequence[np.ndarray], multiple: int, max_pixels: int
) -> Iterator[list[int]]:
    """Groups images that have the same sides once these are padded to `k * multiple + 1`.

    Args:
        images: uint8 RGB [H, W, 3] each.
        multiple: see `grid_multiple`.
        max_pixels: of a padded batch; a larger image is a batch of its own.

    Yields:
        Indices of the images of a batch.

    Example:
        >>> images = [np.zeros([*size, 3], np.uint8) for size in ((30, 40), (9, 9), (33, 38))]
        >>> list(batches_of_one_size(images, multiple=8, max_pixels=10_000))
        [[0, 2], [1]]
    """
    groups: dict[tuple[int, ...], list[int]] = {}
    for index, image in enumerate(images):
        padded_size = tuple(round_up(side, multiple) for side in image.shape[:2])
        groups.setdefault(padded_size, []).append(index)
    for (height, width), members in groups.items():
        count = max(1, max_pixels // (height * width))
        yield from (members[start : start + count] for start in range(0, len(members), count))


def stack_images(images: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Puts images into one array, each in the upper left corner.

    Args:
        images: uint8 RGB [H, W, 3] each.

    Returns:
        uint8 [B, max H, max W, 3], zero outside of the images, and their sizes, int32 [B, 2].
    """
    sizes = np.array([image.shape[:2] for image in images], np.int32)
    stacked = np.zeros([len(images), *sizes.max(axis=0), 3], np.uint8)
    for place, image, (height, width) in zip(stacked, images, sizes, strict=True):
        place[:height, :width] = image
    return stacked, sizes
