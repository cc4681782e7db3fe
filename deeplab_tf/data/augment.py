"""Random scale, padding, crop and mirror of a training example."""

import dataclasses

import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """What happens to a training example, in the order of DeepLab's data layer.

    One factor is drawn; the picture is resized, padded at the bottom and right where it is
    smaller than the crop, cropped at a random place and mirrored in half of the cases
    (DeepLab v2, section 4.1.2 and its released training code).

    Args:
        crop_size: height and width of the result in pixels; larger crops show more context
            and cost memory with their square.
        scales: factors to choose from with equal chance; ``(1.0,)`` keeps the size.
        scale_range: (lowest, highest) of an even distribution, instead of ``scales``.
        mirror: whether half of the examples are flipped left to right; wrong for data where
            left and right are different classes.

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

    def __post_init__(self):
        object.__setattr__(self, "scales", tuple(float(s) for s in self.scales))
        if self.scale_range is not None:
            object.__setattr__(self, "scale_range", tuple(float(s) for s in self.scale_range))
        if self.crop_size < 1:
            raise ValueError(f"crop_size must be at least 1. Received: {self.crop_size}.")
        if not self.scales or min(self.scales) <= 0:
            raise ValueError(f"scales must be factors above 0. Received: {self.scales}.")
        limits = self.scale_range
        if limits is not None and not (len(limits) == 2 and 0 < limits[0] <= limits[1]):
            raise ValueError(
                "scale_range must be (lowest, highest) with 0 < lowest <= highest. "
                f"Received: {self.scale_range}."
            )

    def describe(self) -> str:
        """One readable line, for logs and for the run's files."""
        if self.scale_range is not None:
            scale = f"scale({self.scale_range[0]:g}..{self.scale_range[1]:g}) "
        elif self.scales != (1.0,):
            scale = f"scale({'|'.join(f'{s:g}' for s in self.scales)}) "
        else:
            scale = ""
        return f"{scale}pad crop({self.crop_size}){' mirror' if self.mirror else ''}"


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
    draws = tf.random.stateless_uniform([4], seed=seed, dtype=tf.float64)
    image, label = tf.cast(image, tf.float32), tf.cast(label, tf.int32)
    image, label = _resize(image, label, _choose_scale(draws[0], augmentation))
    image, label = _pad(image, label, augmentation.crop_size, pad_color, ignore_label)
    image, label = _crop(image, label, augmentation.crop_size, draws[1:3])
    if augmentation.mirror:
        flip = draws[3] < 0.5
        image = tf.where(flip, image[:, ::-1], image)
        label = tf.where(flip, label[:, ::-1], label)
    return image, label


def _choose_scale(draw: tf.Tensor, augmentation: Augmentation) -> tf.Tensor:
    if augmentation.scale_range is not None:
        low, high = augmentation.scale_range
        return low + draw * (high - low)
    return tf.constant(augmentation.scales, tf.float64)[_below(draw, len(augmentation.scales))]


def _below(draw: tf.Tensor, count: tf.Tensor | int) -> tf.Tensor:
    """A whole number in 0..count-1 from a number in [0, 1)."""
    return tf.cast(draw * tf.cast(count, tf.float64), tf.int32)


def _resize(image: tf.Tensor, label: tf.Tensor, scale: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """OpenCV's INTER_LINEAR for the image and INTER_NEAREST for the label."""
    size = tf.shape(label)
    new = tf.maximum(1, tf.cast(tf.cast(size, tf.float64) * scale, tf.int32))
    image = tf.image.resize(image, new, method="bilinear", antialias=False)
    rows = tf.range(new[0]) * size[0] // new[0]
    columns = tf.range(new[1]) * size[1] // new[1]
    return image, tf.gather(tf.gather(label, rows), columns, axis=1)


def _pad(
    image: tf.Tensor,
    label: tf.Tensor,
    crop_size: int,
    pad_color: tuple[float, float, float],
    ignore_label: int,
) -> tuple[tf.Tensor, tf.Tensor]:
    missing = tf.maximum(0, crop_size - tf.shape(label))
    amounts = [[0, missing[0]], [0, missing[1]]]
    color = tf.constant(pad_color, tf.float32)
    inside = tf.pad(tf.ones_like(label, tf.bool), amounts)[..., None]
    padded = tf.where(inside, tf.pad(image, [*amounts, [0, 0]]), color)
    return padded, tf.pad(label, amounts, constant_values=ignore_label)


def _crop(
    image: tf.Tensor, label: tf.Tensor, crop_size: int, draws: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    room = tf.shape(label) - crop_size
    at = _below(draws, room + 1)
    image = tf.slice(image, [at[0], at[1], 0], [crop_size, crop_size, 3])
    return image, tf.slice(label, at, [crop_size, crop_size])
