"""Random scale, padding, crop and mirror of a training example."""

import dataclasses
import math
from collections.abc import Callable

import tensorflow as tf

from deeplab_tf.data.resized_crop import View


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """What happens to a training example, in the order of DeepLab's data layer.

    The image is resized by `image_scale`, as evaluation does too. All else is training's alone:
    one factor is drawn; the image is resized by it, padded at the bottom and right where it is
    smaller than the crop, cropped at a random place and mirrored in half of the cases
    (DeepLab v2, section 4.1.2 and its released training code).

    Args:
        crop_size: height and width of the result in pixels; larger crops show more context
            and cost memory with their square.
        scales: factors to choose from with equal chance; ``(1.0,)`` keeps the size.
        scale_range: (lowest, highest) of an even distribution, instead of ``scales``.
        mirror: whether half of the examples are flipped left to right; wrong for data where
            left and right are different classes.
        image_scale: factor on the sides of every image, before all else; below 1 the network
            sees more context in less time and loses small things.

    Raises:
        ValueError: when a value makes no sense.

    Example:
        >>> Augmentation(321, scales=(0.5, 0.75, 1.0)).describe()
        'scale(0.5|0.75|1) pad crop(321) mirror'
    """

    crop_size: int
    scales: tuple[float, ...] = (1.0,)
    scale_range: tuple[float, float] | None = None
    mirror: bool = True
    image_scale: float = 1.0

    def __post_init__(self):
        object.__setattr__(self, "scales", tuple(float(s) for s in self.scales))
        if self.scale_range is not None:
            object.__setattr__(self, "scale_range", tuple(float(s) for s in self.scale_range))
        if self.crop_size < 1:
            raise ValueError(f"crop_size must be at least 1. Received: {self.crop_size}.")
        if not self.scales or not all(0 < scale < math.inf for scale in self.scales):
            raise ValueError(f"scales must be factors above 0. Received: {self.scales}.")
        if not 0 < self.image_scale < math.inf:
            raise ValueError(f"image_scale must be above 0. Received: {self.image_scale}.")
        limits = self.scale_range
        if limits is not None and not (len(limits) == 2 and 0 < limits[0] <= limits[1] < math.inf):
            raise ValueError(
                "scale_range must be (lowest, highest) with 0 < lowest <= highest. "
                f"Received: {self.scale_range}."
            )

    def describe(self) -> str:
        """One readable line, for logs and for the run's files."""
        resize = "" if self.image_scale == 1.0 else f"resize({self.image_scale:g}) "
        if self.scale_range is not None:
            scale = f"scale({self.scale_range[0]:g}..{self.scale_range[1]:g}) "
        elif self.scales != (1.0,):
            scale = f"scale({'|'.join(f'{s:g}' for s in self.scales)}) "
        else:
            scale = ""
        return f"{resize}{scale}pad crop({self.crop_size}){' mirror' if self.mirror else ''}"


def augment(
    image: tf.Tensor,
    label: tf.Tensor,
    seed: tf.Tensor,
    augmentation: Augmentation,
    pad_color: tuple[float, float, float],
    ignore_label: int = 255,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Applies an augmentation; the seed alone decides every random choice.

    Args:
        image: ``[height, width, 3]`` RGB, any number type.
        label: ``[height, width]`` integers.
        seed: int32 or int64 ``[2]``.
        augmentation: what to do.
        pad_color: RGB of padding; with the model's mean, padding enters the network as 0.
        ignore_label: id of padding.

    Returns:
        float32 ``[crop_size, crop_size, 3]`` and int32 ``[crop_size, crop_size]``.
    """

    def read_window(window: tf.Tensor) -> tf.Tensor:
        return tf.slice(image, [window[0], window[1], 0], [window[2], window[3], 3])

    return augment_windowed(read_window, label, seed, augmentation, pad_color, ignore_label)


def augment_windowed(
    read_window: Callable[[tf.Tensor], tf.Tensor],
    label: tf.Tensor,
    seed: tf.Tensor,
    augmentation: Augmentation,
    pad_color: tuple[float, float, float],
    ignore_label: int = 255,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Does the same as ``augment`` for an image of which only the needed window is read.

    Args:
        read_window: gives the pixels ``[height, width, 3]`` of an int32 ``[4]``: top, left,
            height, width.
        label: ``[height, width]`` integers, all of the image.
        seed: int32 or int64 ``[2]``.
        augmentation: what to do.
        pad_color: RGB of padding.
        ignore_label: id of padding.

    Returns:
        The same as ``augment``.
    """
    view = draw_view(tf.shape(label), seed, augmentation)
    image, label = view.show(read_window(view.window()), label)
    image, label = tf.cond(
        tf.reduce_all(tf.equal(view.shown, augmentation.crop_size)),
        lambda: (image, label),
        lambda: _pad(image, label, view.mirrored, augmentation.crop_size, pad_color, ignore_label),
    )
    size = [augmentation.crop_size] * 2
    return tf.ensure_shape(image, [*size, 3]), tf.ensure_shape(label, size)


def draw_view(size: tf.Tensor, seed: tf.Tensor, augmentation: Augmentation) -> View:
    """Makes the random choices.

    Args:
        size: int32 ``[2]``, height and width of the image.
        seed: int32 or int64 ``[2]``.
        augmentation: what to choose from.

    Returns:
        What the crop shows of the image; less than the crop where that has to be padded.
    """
    draws = tf.random.stateless_uniform([4], seed=seed, dtype=tf.float64)
    scale = augmentation.image_scale * _choose_scale(draws[0], augmentation)
    scaled = tf.maximum(1, tf.cast(tf.cast(size, tf.float64) * scale, tf.int32))
    room = tf.maximum(0, scaled - augmentation.crop_size)
    return View(
        size=size,
        scaled=scaled,
        start=_below(draws[1:3], room + 1),
        shown=tf.minimum(scaled, augmentation.crop_size),
        mirrored=tf.logical_and(augmentation.mirror, draws[3] < 0.5),
    )


def _choose_scale(draw: tf.Tensor, augmentation: Augmentation) -> tf.Tensor:
    if augmentation.scale_range is not None:
        low, high = augmentation.scale_range
        return low + draw * (high - low)
    return tf.constant(augmentation.scales, tf.float64)[_below(draw, len(augmentation.scales))]


def _below(draw: tf.Tensor, count: tf.Tensor | int) -> tf.Tensor:
    """A whole number in 0..count-1 from a number in [0, 1)."""
    return tf.cast(draw * tf.cast(count, tf.float64), tf.int32)


def _pad(
    image: tf.Tensor,
    label: tf.Tensor,
    mirrored: tf.Tensor,
    crop_size: int,
    pad_color: tuple[float, float, float],
    ignore_label: int,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Pads at the bottom and right, which is left in a mirrored crop."""
    height, width = tf.unstack(tf.shape(label))
    below, beside = crop_size - height, crop_size - width
    left = tf.where(mirrored, beside, 0)
    label = tf.pad(label, [[0, below], [left, beside - left]], constant_values=ignore_label)

    # Constant, so that the graph holds it ready to be cut.
    canvas = tf.broadcast_to(tf.constant(pad_color, tf.float32), [crop_size, crop_size, 3])
    row = [canvas[:height, :left], image, canvas[:height, : beside - left]]
    return tf.concat([tf.concat(row, 1), canvas[:below]], 0), label
