"""Augmentation of training examples: named operations, applied by the example's seed."""

from __future__ import annotations

import math
from collections.abc import Callable

import tensorflow as tf
from ml_collections import ConfigDict

from deeplab_tf.data.affine_crop import AffineCrop
from deeplab_tf.data.augmentations.crop import Crop
from deeplab_tf.data.augmentations.frame import Frame, TransformedFrame
from deeplab_tf.data.augmentations.operation import Geometric, Operation, Photometric, draw_each
from deeplab_tf.data.augmentations.parser import parse_operations
from deeplab_tf.data.resized_crop import ResizedCrop


class AugmentationPipeline:
    """Operations that turn a stored image and its label into a training example.

    Geometric operations (scale, crop, mirror, rotate) are applied in their order, as one map that
    reads the image once; while they keep its sides horizontal and vertical, only the part of a JPEG
    that the crop shows is decoded. Photometric operations (color_jitter, blur) then change the
    colours of the crop in their order, wherever they stand; padding keeps its colour.

    Args:
        operations: text such as ``"scale(0.5|0.75|1)|crop(321)|mirror"``; `data/augmentations/`
            has the operations. ``crop`` has to occur once.
        image_scale: factor on the sides of every image, before all else. It is the model's, which
            does the same in evaluation; below 1 the network sees more context in less time and
            loses small things.

    Attributes:
        operations: the parsed operations.
        image_scale: as given.

    Raises:
        ValueError: an operation is unknown or has a wrong argument, or they do not make a crop of
            one size.

    Example:
        >>> augmentation = AugmentationPipeline("scale(0.5|1)|crop(321)|mirror|color_jitter(0.2)")
        >>> augmentation.crop_size, str(augmentation)
        (321, 'scale(0.5|1)|crop(321)|mirror|color_jitter(0.2)')
    """

    operations: tuple[Operation, ...]
    image_scale: float

    def __init__(self, operations: str, image_scale: float = 1.0):
        self.operations = parse_operations(operations)
        self.image_scale = float(image_scale)
        self._check_order()
        if not 0 < self.image_scale < math.inf:
            raise ValueError(f"image_scale must be above 0. Received: {image_scale}.")

    def _check_order(self) -> None:
        places = [i for i, operation in enumerate(self.operations) if isinstance(operation, Crop)]
        if len(places) != 1:
            raise ValueError(
                f"crop must occur once, {len(places)} found: training needs images of one size. "
                f"Received: {str(self)!r}"
            )
        for operation in self.operations[places[0] :]:
            if isinstance(operation, Geometric) and operation.changes_size:
                raise ValueError(
                    f"{operation} changes the size and must stand before crop. "
                    f"Received: {str(self)!r}"
                )

    @property
    def crop_size(self) -> int:
        """Height and width of every example in pixels."""
        return next(o.side for o in self.operations if isinstance(o, Crop))

    def __str__(self) -> str:
        """Writes the text of the operations; reading it again gives the same."""
        return "|".join(map(str, self.operations))

    def __repr__(self) -> str:
        return f"AugmentationPipeline({str(self)!r}, image_scale={self.image_scale:g})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AugmentationPipeline) and repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash(repr(self))

    def describe(self) -> str:
        """Describes what happens in one line, for logs."""
        scaled = "" if self.image_scale == 1.0 else f" of images at scale {self.image_scale:g}"
        return f"{self}{scaled}"

    def draw_crop(self, size: tf.Tensor, seed: tf.Tensor) -> ResizedCrop | AffineCrop:
        """Makes the random choices of the geometric operations.

        Args:
            size: int32 [2], height and width of the stored image.
            seed: the example's, int32 or int64 [2].

        Returns:
            What the example shows, and of which stored pixels.
        """
        frame: Frame | TransformedFrame = Frame(size, self.image_scale)
        geometric = draw_each(self.operations, seed, Geometric)  # type: ignore[type-abstract]
        for operation, draws in geometric:
            frame = operation.place(frame, draws)
        return frame.crop()

    def change_colors(self, image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Applies the photometric operations.

        Args:
            image: float32 [height, width, 3], RGB 0..255, without padding.
            seed: the example's, int32 or int64 [2].

        Returns:
            float32 of the same shape, 0..255.
        """
        photometric = draw_each(self.operations, seed, Photometric)  # type: ignore[type-abstract]
        for operation, draws in photometric:
            image = tf.clip_by_value(operation.change(image, draws), 0.0, 255.0)
        return image


def read_augmentation(data: ConfigDict) -> AugmentationPipeline:
    """Reads the augmentation of a configuration.

    Args:
        data: section `data`, of which `augmentation` and `image_scale` count.

    Raises:
        ValueError: see `AugmentationPipeline`.
    """
    return AugmentationPipeline(data.augmentation, data.image_scale)


def augment(
    image: tf.Tensor,
    label: tf.Tensor,
    seed: tf.Tensor,
    augmentation: AugmentationPipeline,
    pad_color: tuple[float, float, float],
    ignore_label: int = 255,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Augments an example; the seed alone decides every random choice.

    Args:
        image: [height, width, 3] RGB 0..255, any number type.
        label: [height, width] integers.
        seed: int32 or int64 [2].
        augmentation: what to do.
        pad_color: RGB of padding; with the model's mean, padding enters the network as 0.
        ignore_label: id of padding.

    Returns:
        float32 [crop_size, crop_size, 3], 0..255, and int32 [crop_size, crop_size].
    """

    def read_window(window: tf.Tensor) -> tf.Tensor:
        return tf.slice(image, [window[0], window[1], 0], [window[2], window[3], 3])

    return augment_windowed(read_window, label, seed, augmentation, pad_color, ignore_label)


def augment_windowed(
    read_window: Callable[[tf.Tensor], tf.Tensor],
    label: tf.Tensor,
    seed: tf.Tensor,
    augmentation: AugmentationPipeline,
    pad_color: tuple[float, float, float],
    ignore_label: int = 255,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Augments as `augment` does, reading only the window of the image that the crop needs.

    Args:
        read_window: returns the pixels [height, width, 3] of an int32 [4]: top, left, height,
            width.
        label: [height, width] integers, all of the image.
        seed: int32 or int64 [2].
        augmentation: what to do.
        pad_color: RGB of padding.
        ignore_label: id of padding.

    Returns:
        The same as `augment`.
    """
    crop = augmentation.draw_crop(tf.shape(label), seed)
    image, label = crop.show(read_window(crop.window()), label)
    image = augmentation.change_colors(image, seed)
    image, label = crop.pad(image, label, pad_color, ignore_label)
    size = [augmentation.crop_size] * 2
    return tf.ensure_shape(image, [*size, 3]), tf.ensure_shape(label, size)
