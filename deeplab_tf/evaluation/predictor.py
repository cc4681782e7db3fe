"""The one way from an image to a label map."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from deeplab_tf.evaluation.tiles import WHOLE_PIXELS, plan_grid
from deeplab_tf.layers.dense_crf import DenseCRF
from deeplab_tf.models.inference import NOT_FINITE, Inference
from deeplab_tf.models.scaling import checked_scales, round_up


class Predictor:
    """Labels images with a model: at several scales, mirrored, in tiles, then with the CRF.

    Images of up to `WHOLE_PIXELS` are computed as a whole, larger ones in overlapping tiles of
    about that size, so that memory depends on the image only through its pixels and labels.

    Args:
        model: a DeepLab.
        crf: a DenseCRF layer, a dict of its parameters, or None for no CRF. It refines images
            of up to `WHOLE_PIXELS` as a whole, larger ones tile by tile.
        scales: factors on an image's sides at which it is scored, on top of `model.image_scale`.
            More than one is slower and mostly logits better; time grows with the sum of their
            squares.
        flip: whether the mirrored image is scored too, in twice the time.
        fusion: `mean` of the probabilities of all scales, or `max` of their logits.
        tile: largest side in pixels that is computed at once, for every image; None as above.
            Smaller takes less memory, more time (tiles overlap by up to half of their side) and
            more seams.
        progress: wraps the list of the tiles of a large image while they are computed, such as a
            progress bar.

    Attributes:
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
        model,
        crf=None,
        scales=(1.0,),
        flip=False,
        fusion="mean",
        tile=None,
        progress=lambda tiles: tiles,
    ):
        self.model = model
        self.crf = DenseCRF(**crf) if isinstance(crf, dict) else crf
        scales = [model.image_scale * scale for scale in checked_scales(scales)]
        self.inference = Inference(model, scales, flip, fusion)
        self.scales = self.inference.scales
        self.flip = flip
        self.fusion = fusion
        self.tile = tile
        self._progress = progress
        multiple = self.inference.multiple
        self.whole_pixels = int(WHOLE_PIXELS / max(1.0, *self.scales) ** 2)
        if tile is None:
            tile = max(math.isqrt(self.whole_pixels), multiple + 1)
        self.grid = plan_grid(model, self.scales, multiple, tile)
        # Known to be one: spares the CRF copies, and see `compat.one_image_is_slow`.
        image = tf.TensorSpec([1, None, None, 3], tf.uint8)
        score = tf.TensorSpec([1, None, None, model.num_classes], tf.float32)
        batch = [tf.TensorSpec([None, None, None, 3], tf.uint8), tf.TensorSpec([None, 2], tf.int32)]
        self._logits_of_one = _checked(tf.function(lambda x: self.logits_and_finite(x), [image]))
        self._labels_of_one = _checked(tf.function(lambda x: self._labels_and_finite(x), [image]))
        self._labels_of_logits = tf.function(self._labels, [score, image])
        self._labels_of_batch = _checked(
            tf.function(lambda x, sizes: self._labels_and_finite(x, sizes), batch)
        )

    # === Functions of the graph ===

    def logits(self, images, sizes=None):
        """Scores images inside a graph; a function of the model's variables and nothing else.

        Args:
            images: uint8 RGB [B, H, W, 3].
            sizes: int32 [B, 2], see `fused_logits`.

        Returns:
            float32 [B, H, W, C], whose softmax are probabilities.
        """
        return self.logits_and_finite(images, sizes)[0]

    def logits_and_finite(self, images, sizes=None):
        """Scores images as `logits` does and says whether the logits can be trusted.

        Returns:
            float32 [B, H, W, C], and bool [B]: whether all of an image's logits are finite.
        """
        return self.inference.logits_and_finite(images, sizes)

    def refine(self, logits, images, sizes=None):
        """Refines what `logits` gives with the CRF, inside a graph.

        Returns:
            float32 probabilities [B, H, W, C].
        """
        if self.crf.parameters.from_probabilities:
            logits = tf.nn.softmax(logits)
        return self.crf((logits, images), valid=sizes)

    def _labels(self, logits, images, sizes=None):
        stages = [logits]
        if self.crf is not None:
            stages.append(self.refine(logits, images, sizes))
        return [tf.cast(tf.argmax(stage, axis=-1), tf.uint8) for stage in stages]

    def _labels_and_finite(self, images, sizes=None):
        logits, finite = self.logits_and_finite(images, sizes)
        return self._labels(logits, images, sizes), finite

    # === Arrays ===

    def __call__(self, image) -> np.ndarray:
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

    def predict_stages(self, image) -> list[np.ndarray]:
        """Labels one image without the CRF and, if there is one, with it.

        Args:
            image: uint8 RGB [H, W, 3], any size.

        Returns:
            One or two uint8 arrays [H, W].
        """
        image = checked_image(image)
        height, width = image.shape[:2]
        if self._fits(height, width):
            return [labels[0].numpy() for labels in self._labels_of_one(image[None])]
        if self.crf is not None and height * width <= WHOLE_PIXELS:
            logits = self._joined_logits(image)
            return [labels[0].numpy() for labels in self._labels_of_logits(logits, image[None])]
        labels = [np.empty([height, width], np.uint8) for _ in range(1 + (self.crf is not None))]
        for place, cores in self._tiles(image, self._labels_of_one):
            for whole, core in zip(labels, cores, strict=True):
                whole[place] = core
        return labels

    def predict_logits(self, image) -> np.ndarray:
        """Scores one image, as the CRF takes them.

        Args:
            image: uint8 RGB [H, W, 3], any size.

        Returns:
            float32 [H, W, C], whose softmax are probabilities.
        """
        image = checked_image(image)
        if self._fits(*image.shape[:2]):
            return self._logits_of_one(image[None])[0].numpy()
        logits = np.empty([*image.shape[:2], self.model.num_classes], np.float32)
        for place, (core,) in self._tiles(image, lambda x: [self._logits_of_one(x)]):
            logits[place] = core
        return logits

    def batch(self, images: Sequence) -> list[np.ndarray]:
        """Labels images of any sizes, those of the same padded size at once.

        Batches hold up to `WHOLE_PIXELS`. An image gets the labels that it gets alone.

        Args:
            images: uint8 RGB [H, W, 3] each.

        Returns:
            A uint8 array [H, W] for each, after the CRF if there is one.

        Raises:
            FloatingPointError: the network's logits for one of them are not finite.
        """
        return [labels[-1] for labels in self.predict_stages_batch(images)]

    def predict_stages_batch(self, images: Sequence) -> list[list[np.ndarray]]:
        """Labels images as `batch` does, each as `predict_stages` does."""
        images = [checked_image(image) for image in images]
        groups: dict[tuple[int, ...], list[int]] = {}
        for i, image in enumerate(images):
            padded = tuple(round_up(side, self.grid.multiple) for side in image.shape[:2])
            groups.setdefault(padded, []).append(i)
        labels = {}
        for (height, width), members in groups.items():
            count = max(1, self.whole_pixels // (height * width))
            for start in range(0, len(members), count):
                chosen = members[start : start + count]
                labels.update(zip(chosen, self._batch([images[i] for i in chosen]), strict=True))
        return [labels[i] for i in range(len(images))]

    def _batch(self, images: list[np.ndarray]) -> list[list[np.ndarray]]:
        """Labels images of the same padded size."""
        if len(images) == 1 or not self._fits(*images[0].shape[:2]):
            return [self.predict_stages(image) for image in images]
        sizes = np.array([image.shape[:2] for image in images], np.int32)
        padded_images = np.zeros([len(images), *sizes.max(axis=0), 3], np.uint8)
        for padded_image, image, (height, width) in zip(padded_images, images, sizes, strict=True):
            padded_image[:height, :width] = image
        stages = [labels.numpy() for labels in self._labels_of_batch(padded_images, sizes)]
        return [[s[i, :height, :width] for s in stages] for i, (height, width) in enumerate(sizes)]

    def _fits(self, height: int, width: int) -> bool:
        """Whether an image is computed at once."""
        if self.tile is None and height * width <= self.whole_pixels:
            return True
        return len(list(self.grid.tiles(height, width))) == 1

    def _joined_logits(self, image):
        """Puts the logits of tiles together on the device: float32 [1, H, W, C]."""
        cores = [core for _, (core,) in self._tiles(image, lambda x: [self._logits_of_one(x)])]
        across = len(self.grid.spans(image.shape[1]))
        rows = [tf.concat(cores[i : i + across], axis=1) for i in range(0, len(cores), across)]
        return tf.concat(rows, axis=0)[None]

    def _tiles(self, image, function):
        """Yields where a tile's core lies, and what the function gives there."""
        for rows, columns in self._progress(list(self.grid.tiles(*image.shape[:2]))):
            results = function(image[None, rows.computed, columns.computed])
            cores = [x[0, rows.core_in_tile, columns.core_in_tile] for x in results]
            yield (rows.core, columns.core), cores


def _checked(function: Callable) -> Callable:
    """Has a function that returns results and `finite` return the results, or raise."""

    def run(*arguments):
        results, finite = function(*arguments)
        if not finite.numpy().all():
            raise FloatingPointError(NOT_FINITE)
        return results

    return run


def checked_image(image) -> np.ndarray:
    """Returns an image as an array.

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
