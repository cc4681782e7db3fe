"""Labels images with a model: the one predictor that all tools, the export and the demo use."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from deeplab_tf.evaluation.batches import batches_of_one_size, checked_image, stack_images
from deeplab_tf.evaluation.joined_tiles import compute_tiles, join_arrays, join_tensor
from deeplab_tf.evaluation.old_predictor_names import OldPredictorNames
from deeplab_tf.evaluation.refinement import refine_logits
from deeplab_tf.evaluation.tiles import WHOLE_PIXELS, plan_grid
from deeplab_tf.evaluation.traced_once import TracedOnce, checked_results
from deeplab_tf.layers.dense_crf import DenseCRF
from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.models.in_precision import in_precision
from deeplab_tf.models.inference import Inference
from deeplab_tf.models.scaling import checked_scales
from deeplab_tf.precision import choose_precision


class Predictor(OldPredictorNames):
    """Labels images with a model: at several scales, mirrored, in tiles, then with the CRF.

    Images of up to `WHOLE_PIXELS` are computed as a whole, larger ones in overlapping tiles of
    about that size, so that memory depends on the image only through its pixels and labels.

    Args:
        model: a DeepLab.
        crf: a DenseCRF layer, a dict of its parameters, or None for no CRF. It refines images
            of up to `WHOLE_PIXELS` as a whole, larger ones tile by tile.
        scales: factors on an image's sides at which logits are computed, on top of
            `model.image_scale`. More than one is slower and mostly more accurate; time grows with
            the sum of their squares.
        flip: whether logits of the mirrored image are computed too, in twice the time.
        fusion: `mean` of the probabilities of all scales, or `max` of their logits.
        tile: largest side in pixels that is computed at once, for every image; None as above.
            Smaller takes less memory, more time (tiles overlap by up to half of their side) and
            more seams. Networks with image pooling label tiles otherwise than the whole image,
            whatever the size: see `plan_grid`.
        pad_to: side in pixels to which smaller images are padded with the mean colour at least; the
            released networks of v1 and v2 are tested at 513. 1 pads to the feature grid alone.
        progress: wraps the list of the tiles of a large image while they are computed, such as a
            progress bar.
        precision: number format of the convolutions, see `choose_precision`: `float32`, `bfloat16`,
            `float16` or `auto`. None is that of the model: float32 where a file is opened.

    Attributes:
        model: the model; where it computes in another precision than it was given with, a copy.
        inference: Inference, the way from images to logits.
        grid: TileGrid, where tiles of large images lie.
        whole_pixels: largest image that is computed at once without `tile`.

    Raises:
        ValueError: an argument that cannot be.

    Source: Chen et al. 2016, section 3.2 (scales fused by the maximum); Chen et al. 2017 (arXiv
    1706.05587), section 4.1 (mean of probabilities over scales and mirrored images).

    Example:
        >>> import deeplab_tf
        >>> model = deeplab_tf.DeepLab(num_classes=3, width=0.05)
        >>> Predictor(model, scales=(0.5, 1.0), flip=True)(np.zeros([20, 30, 3], np.uint8)).shape
        (20, 30)
    """

    def __init__(
        self,
        model: DeepLab,
        crf: DenseCRF | Mapping[str, Any] | None = None,
        scales: Sequence[float] = (1.0,),
        flip: bool = False,
        fusion: str = "mean",
        tile: int | None = None,
        progress: Callable[[list], Iterable] = iter,
        precision: str | None = None,
        pad_to: int = 1,
    ):
        model = model if precision is None else in_precision(model, choose_precision(precision))
        self.crf = DenseCRF(**crf) if isinstance(crf, Mapping) else crf
        self._options: dict[str, Any] = {
            "crf": self.crf, "scales": scales, "flip": flip, "fusion": fusion, "tile": tile,
            "progress": progress, "pad_to": pad_to,
        }  # fmt: skip
        scales = [model.image_scale * scale for scale in checked_scales(scales)]
        self.inference = Inference(model, scales, flip, fusion, pad_to)
        self.model = model
        self.scales = self.inference.scales
        self.flip = flip
        self.fusion = fusion
        self.tile = tile
        self.pad_to = pad_to
        self._progress = progress
        multiple = self.inference.multiple
        self.whole_pixels = int(WHOLE_PIXELS / max(1.0, *self.scales) ** 2)
        if tile is None:
            tile = max(math.isqrt(self.whole_pixels), multiple + 1)
        self.grid = plan_grid(model, self.scales, multiple, tile)
        # A batch known to be one spares the CRF copies and lets convolutions be split
        # (`layers/split_conv.py`).
        image = tf.TensorSpec([1, None, None, 3], tf.uint8)
        logits = tf.TensorSpec([1, None, None, model.num_classes], tf.float32)
        batch = [tf.TensorSpec([None, None, None, 3], tf.uint8), tf.TensorSpec([None, 2], tf.int32)]
        self._logits_of_one = checked_results(TracedOnce(self.logits_and_finite, [image]))
        self._labels_of_one = checked_results(TracedOnce(self._labels_and_finite, [image]))
        self._labels_of_logits = TracedOnce(self._labels, [logits, image])
        self._labels_of_batch = checked_results(TracedOnce(self._labels_and_finite, batch))
        # What is computed besides labels: from pixels, and from the joined logits of tiles.
        self._more: dict[str, tuple[Callable, Callable]] = {
            name: (
                checked_results(TracedOnce(self._with_finite(function), [image])),
                TracedOnce(function, [logits, image]),
            )
            for name, function in (
                ("confidence", self._confidence),
                ("probabilities", self._probabilities),
            )
        }

    def with_precision(self, precision: str) -> Predictor:
        """Returns a predictor with the same options that computes in a row of `POLICIES`."""
        model = in_precision(self.model, precision)
        return self if model is self.model else Predictor(model, **self._options)

    # === Functions of the graph ===

    def logits(self, images: tf.Tensor, sizes: tf.Tensor | None = None) -> tf.Tensor:
        """Computes logits inside a graph; a function of the model's variables and nothing else.

        Args:
            images: uint8 RGB [B, H, W, 3].
            sizes: int32 [B, 2], height and width of the part of each image that counts; None for
                all of it.

        Returns:
            float32 [B, H, W, C], whose softmax are probabilities.
        """
        return self.logits_and_finite(images, sizes)[0]

    def logits_and_finite(
        self, images: tf.Tensor, sizes: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Computes logits as `logits` does, and whether they can be trusted.

        Returns:
            float32 [B, H, W, C], and bool [B]: whether all of an image's logits are finite.
        """
        return self.inference.logits_and_finite(images, sizes)

    def refine(
        self, logits: tf.Tensor, images: tf.Tensor, sizes: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Refines what `logits` gives with the CRF, inside a graph.

        Args:
            logits: float32 [B, H, W, C].
            images: uint8 RGB [B, H, W, 3].
            sizes: as for `logits`.

        Returns:
            float32 probabilities [B, H, W, C].

        Raises:
            ValueError: the predictor has no CRF.
        """
        if self.crf is None:
            raise ValueError("The predictor has no CRF; create it with crf={} or parameters.")
        return refine_logits(self.crf, logits, images, sizes)

    def _labels(
        self, logits: tf.Tensor, images: tf.Tensor, sizes: tf.Tensor | None = None
    ) -> list[tf.Tensor]:
        stages = [logits]
        if self.crf is not None:
            stages.append(self.refine(logits, images, sizes))
        return [tf.cast(tf.argmax(stage, axis=-1), tf.uint8) for stage in stages]

    def _labels_and_finite(
        self, images: tf.Tensor, sizes: tf.Tensor | None = None
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        logits, finite = self.logits_and_finite(images, sizes)
        return self._labels(logits, images, sizes), finite

    def _probabilities(self, logits: tf.Tensor, images: tf.Tensor) -> list[tf.Tensor]:
        refined = logits if self.crf is None else self.refine(logits, images)
        # Of the logits, as always: two that differ little can have the same probability.
        labels = tf.cast(tf.argmax(refined, axis=-1), tf.uint8)
        return [labels, tf.nn.softmax(logits) if self.crf is None else refined]

    def _confidence(self, logits: tf.Tensor, images: tf.Tensor) -> list[tf.Tensor]:
        labels, probabilities = self._probabilities(logits, images)
        return [labels, tf.reduce_max(probabilities, axis=-1)]

    def _with_finite(self, function: Callable) -> Callable:
        """Makes a function of logits and images one of images, for `checked_results`."""

        def of_images(images: tf.Tensor) -> tuple[list[tf.Tensor], tf.Tensor]:
            logits, finite = self.logits_and_finite(images)
            return function(logits, images), finite

        return of_images

    # === Arrays ===

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Labels one image.

        Args:
            image: uint8 RGB [H, W, 3], any size.

        Returns:
            uint8 [H, W] label ids, after the CRF if there is one.

        Raises:
            ValueError: the image is of another type or shape.
            FloatingPointError: the network's logits are not finite.
        """
        return self.predict_stages(image)[-1]

    def predict_stages(self, image: np.ndarray) -> list[np.ndarray]:
        """Labels one image without the CRF and, if there is one, with it.

        Args:
            image: uint8 RGB [H, W, 3], any size.

        Returns:
            One or two uint8 arrays [H, W].

        Raises:
            ValueError: the image is of another type or shape.
            FloatingPointError: the network's logits are not finite.
        """
        return self._over_image(image, self._labels_of_one, self._labels_of_logits)

    def predict_confidence(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Labels one image, and says how probable each of its labels is.

        Args:
            image: uint8 RGB [H, W, 3], any size.

        Returns:
            uint8 [H, W] label ids, and float32 [H, W], the probability of each: that of the
            network or, with a CRF, its marginal.

        Raises:
            ValueError: the image is of another type or shape.
            FloatingPointError: the network's logits are not finite.
        """
        labels, confidence = self._over_image(image, *self._more["confidence"])
        return labels, confidence

    def predict_probabilities(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Labels one image, with the probabilities of all classes.

        Returns:
            uint8 [H, W] label ids, and float32 [H, W, C], the network's probabilities or, with a
            CRF, its marginals; all of them are held at once, whatever the size of the image.

        Raises:
            ValueError: the image is of another type or shape.
            FloatingPointError: the network's logits are not finite.
        """
        labels, probabilities = self._over_image(image, *self._more["probabilities"])
        return labels, probabilities

    def predict_logits(self, image: np.ndarray) -> np.ndarray:
        """Computes the logits of one image, as the CRF takes them.

        Args:
            image: uint8 RGB [H, W, 3], any size.

        Returns:
            float32 [H, W, C], whose softmax are probabilities.

        Raises:
            ValueError: the image is of another type or shape.
            FloatingPointError: the network's logits are not finite.
        """
        (logits,) = self._over_image(
            image, lambda images: [self._logits_of_one(images)], lambda logits, _: [logits]
        )
        return logits

    def batch(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Labels images of any sizes, those of the same padded size at once.

        Batches hold up to `WHOLE_PIXELS`. An image gets the labels that it gets alone.

        Args:
            images: uint8 RGB [H, W, 3] each.

        Returns:
            A uint8 array [H, W] for each, after the CRF if there is one.

        Raises:
            ValueError: an image is of another type or shape.
            FloatingPointError: the network's logits for one of them are not finite.
        """
        return [labels[-1] for labels in self.predict_stages_batch(images)]

    def predict_stages_batch(self, images: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
        """Labels images as `batch` does, each as `predict_stages` does."""
        images = [checked_image(image) for image in images]
        labels: dict[int, list[np.ndarray]] = {}
        for chosen in batches_of_one_size(images, self.inference.multiple, self.whole_pixels):
            labels.update(zip(chosen, self._batch([images[i] for i in chosen]), strict=True))
        return [labels[i] for i in range(len(images))]

    def _batch(self, images: list[np.ndarray]) -> list[list[np.ndarray]]:
        """Labels images of the same padded size."""
        if len(images) == 1 or not self._fits(*images[0].shape[:2]):
            return [self.predict_stages(image) for image in images]
        stacked, sizes = stack_images(images)
        stages = [labels.numpy() for labels in self._labels_of_batch(stacked, sizes)]
        return [[s[i, :height, :width] for s in stages] for i, (height, width) in enumerate(sizes)]

    # === Tiles ===

    def _fits(self, height: int, width: int) -> bool:
        """Whether an image is computed at once."""
        if self.tile is None and height * width <= self.whole_pixels:
            return True
        return len(list(self.grid.tiles(height, width))) == 1

    def _over_image(
        self, image: np.ndarray, of_images: Callable, of_logits: Callable
    ) -> list[np.ndarray]:
        """Calls a function of images on one as a whole, or on its tiles; see `__init__`.

        Args:
            image: uint8 RGB [H, W, 3].
            of_images: from uint8 [1, H, W, 3] to a list of tensors [1, H, W, ...].
            of_logits: the same from logits [1, H, W, C] and images, where the CRF sees the whole.

        Returns:
            An array [H, W, ...] for each.
        """
        image = checked_image(image)
        height, width = image.shape[:2]
        if self._fits(height, width):
            return [result[0].numpy() for result in of_images(image[None])]
        if self.crf is not None and height * width <= WHOLE_PIXELS:
            return [r[0].numpy() for r in of_logits(self._joined_logits(image), image[None])]
        cores = compute_tiles(self.grid, image, of_images, self._progress)
        return join_arrays(cores, height, width)

    def _joined_logits(self, image: np.ndarray) -> tf.Tensor:
        cores = compute_tiles(
            self.grid, image, lambda tile: [self._logits_of_one(tile)], self._progress
        )
        return join_tensor(cores, self.grid, image.shape[1])
