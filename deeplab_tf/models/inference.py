"""From images of any size to logits of the same size, for the model and all that predict with it.

The steps, in order: `pad`, `rescale`, mirror, the network (`DeepLab.logit_maps`), mirror back,
`zoom_and_crop`, fuse. `Inference` takes them at several scales, mirrored or not; `DeepLab.call`
at one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import tensorflow as tf

from deeplab_tf.layers.resize import resize
from deeplab_tf.models.scaling import checked_scales, grid_multiple, round_up, scaled_sides

FUSIONS = ("mean", "max")
LARGEST_PADDING = 4096

# The logarithm of what rounds to zero; nothing that small comes back in an argmax or the CRF.
LEAST_PROBABILITY = 1e-37
# What a network that overflows, or has a broken weight, gives; its labels would all be 0.
NOT_FINITE = "logits of the network are not finite (NaN or infinity), so there are no labels"


class Network(Protocol):
    """What `Inference` needs of a model, which a DeepLab has."""

    num_classes: int

    @property
    def size_multiple(self) -> int:
        """Sides `k * size_multiple + 1` fit the feature grid."""

    @property
    def mean_rgb(self) -> tuple[float, float, float]:
        """The colour that the network does not see."""

    def logit_maps(self, images: tf.Tensor) -> list[tf.Tensor]:
        """Logits on the feature grid first."""


class Inference:
    """Computes logits of images with a model, at several scales and mirrored, and fuses them.

    All methods are functions of the graph: of their arguments and the model's variables.

    Args:
        model: a DeepLab.
        scales: factors on the images' sides; a model with scales of its own applies those on
            top. Time grows with the sum of their squares.
        flip: whether mirrored images are computed too, in twice the time.
        fusion: `mean` of the probabilities, given as their logarithm, or `max` of the logits.
        pad_to: side in pixels to which smaller images are padded at least, before the scales; the
            released networks of DeepLab v1 and v2 are tested at 513. 1 pads to the grid alone.

    Attributes:
        passes: the pairs of a scale and whether images are mirrored that the network is run at.
        multiple: images are padded to sides `k * multiple + 1`, where the grids of all scales fit.

    Raises:
        ValueError: an unknown fusion, or scales that `checked_scales` refuses.

    Source: Chen et al. 2016, section 3.2 (scales fused by the maximum); Chen et al. 2017 (arXiv
    1706.05587), section 4.1 (mean of probabilities over scales and mirrored images).

    Example:
        >>> model = deeplab_tf.DeepLab(num_classes=3, width=0.05)
        >>> inference = Inference(model, scales=(0.5, 1.0), flip=True)
        >>> logits, finite = inference.logits_and_finite(tf.zeros([2, 20, 30, 3], tf.uint8))
        >>> logits.shape, finite.numpy().tolist()
        (TensorShape([2, 20, 30, 3]), [True, True])
    """

    def __init__(
        self,
        model: Network,
        scales: Sequence[float] = (1.0,),
        flip: bool = False,
        fusion: str = "mean",
        pad_to: int = 1,
    ):
        if fusion not in FUSIONS:
            raise ValueError(f"fusion must be one of {FUSIONS}. Received: fusion={fusion!r}")
        if not 1 <= pad_to <= LARGEST_PADDING:
            raise ValueError(f"pad_to must be from 1 to {LARGEST_PADDING}. Received: {pad_to}")
        self.model, self.fusion, self.pad_to = model, fusion, pad_to
        self.scales = checked_scales(scales)
        self.passes = [(s, mirrored) for s in self.scales for mirrored in (False, True)[: 1 + flip]]
        self.multiple = grid_multiple(model.size_multiple, self.scales)

    def logits_and_finite(
        self, images: tf.Tensor, sizes: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Computes fused logits, and whether they can be trusted.

        One pass after the other is computed, so that memory does not grow with their number.
        Finite or not is seen on the feature grid of every pass, before fusing could hide a NaN:
        at an output stride of 8 those are a sixty-fourth of the logits.

        Args:
            images: uint8 or float RGB 0..255 [B, H, W, 3].
            sizes: int32 [B, 2], height and width of the part of each image that counts; the rest
                is taken as padding. None for all of it.

        Returns:
            float32 logits [B, H, W, C], whose softmax are probabilities, and bool [B]: whether
            all logits of an image are finite. With one pass at scale 1 the logits are the model's.
        """
        height, width = tf.unstack(tf.shape(images)[1:3])
        padded_images = pad(images, self.multiple, self.model.mean_rgb, sizes, self.pad_to)
        averages = self.fusion == "mean" and len(self.passes) > 1
        fused: Any = None
        finite = []
        for scale, mirrored in self.passes:
            with tf.control_dependencies([] if fused is None else [fused]):
                grid = self._grid(padded_images, scale, mirrored)
                finite.append(tf.reduce_all(tf.math.is_finite(grid), axis=[1, 2, 3]))
                values = zoom_and_crop(grid, self.multiple, height, width, self.pad_to)
                values = tf.nn.softmax(values) if averages else values
                fused = values if fused is None else _fuse(fused, values, averages)
        if averages:
            fused = tf.math.log(tf.maximum(fused / len(self.passes), LEAST_PROBABILITY))
        fused = tf.ensure_shape(fused, [*images.shape[:3], self.model.num_classes])
        return fused, tf.reduce_all(tf.stack(finite), axis=0)

    def grid_logits(self, images: tf.Tensor) -> tf.Tensor:
        """Computes the logits of the first pass on its feature grid, which takes less room.

        Args:
            images: uint8 or float RGB 0..255 [B, H, W, 3].

        Returns:
            float32 [B, h, w, C], which `zoom` brings to the images' size.
        """
        padded = pad(images, self.multiple, self.model.mean_rgb, least=self.pad_to)
        return self._grid(padded, *self.passes[0])

    def zoom(self, grid: tf.Tensor, height: int | tf.Tensor, width: int | tf.Tensor) -> tf.Tensor:
        """Brings logits of `grid_logits` to the images' size: float32 [B, height, width, C]."""
        return zoom_and_crop(grid, self.multiple, height, width, self.pad_to)

    def _grid(self, padded_images: tf.Tensor, scale: float, mirrored: bool) -> tf.Tensor:
        """Runs the network in one pass; logits on the feature grid, not mirrored any more."""
        images = rescale(padded_images, scale)
        if not mirrored:
            return self.model.logit_maps(images)[0]
        return self.model.logit_maps(images[:, :, ::-1])[0][:, :, ::-1]


def pad(
    images: tf.Tensor,
    multiple: int,
    color: Sequence[float],
    sizes: tf.Tensor | None = None,
    least: int = 1,
) -> tf.Tensor:
    """Pads images below and to the right to the next sides `k * multiple + 1`.

    Args:
        images: uint8 or float RGB [B, H, W, 3].
        multiple: see `grid_multiple`.
        color: RGB of the padding, the one that the network does not see.
        sizes: int32 [B, 2], height and width of the part of each image that counts; what lies
            outside gets the colour too. None for all of it.
        least: side to which smaller images are padded at least.

    Returns:
        float32 [B, k * multiple + 1, l * multiple + 1, 3].
    """
    height, width = tf.unstack(tf.shape(images)[1:3])
    rows, columns = (tf.range(_padded(side, multiple, least)) for side in (height, width))
    if sizes is None:
        sizes = tf.stack([[height, width]])
    inside = (rows < sizes[:, :1])[:, :, None] & (columns < sizes[:, 1:])[:, None]
    padding = [[0, 0], [0, tf.size(rows) - height], [0, tf.size(columns) - width], [0, 0]]
    padded = tf.where(inside[..., None], tf.pad(tf.cast(images, tf.float32), padding), color)
    known = images.shape[1:3]
    sides = [None if side is None else _padded(side, multiple, least) for side in known]
    return tf.ensure_shape(padded, [images.shape[0], *sides, 3])


def _padded(side: Any, multiple: int, least: int) -> Any:
    """Returns the side of a padded image, of a number or a tensor."""
    if least > 1:
        side = tf.maximum(side, least) if tf.is_tensor(side) else max(side, least)
    return round_up(side, multiple)


def rescale(images: tf.Tensor, scale: float) -> tf.Tensor:
    """Resizes padded images [B, H, W, C] by a scale, corners on corners."""
    if scale == 1.0:
        return images
    return resize(images, scaled_sides(tf.unstack(tf.shape(images)[1:3]), scale))


def zoom_and_crop(
    logits: tf.Tensor,
    multiple: int,
    height: int | tf.Tensor,
    width: int | tf.Tensor,
    least: int = 1,
) -> tf.Tensor:
    """Brings logits on a feature grid to the size that images had before `pad`.

    The corners of the grid are the corners of the padded images. At scale 1 the factor is the
    stride of the logits, `DeepLab.logit_strides[0]`, whatever the output stride of the backbone.

    Args:
        logits: [B, h, w, C] of padded images.
        multiple: that the images were padded with.
        height: of the images before that.
        width: likewise.
        least: see `pad`.

    Returns:
        float32 [B, height, width, C].
    """
    padded_sides = [_padded(side, multiple, least) for side in (height, width)]
    return resize(logits, padded_sides)[:, :height, :width]


def _fuse(fused: tf.Tensor, values: tf.Tensor, averages: bool) -> tf.Tensor:
    return fused + values if averages else tf.maximum(fused, values)
