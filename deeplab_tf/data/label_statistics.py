"""Counts label pixels and derives class frequencies and weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

import numpy as np
import tensorflow as tf

from deeplab_tf.data.pipeline import evaluation_dataset
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.data.split import Split, naming_broken_files


@dataclasses.dataclass(frozen=True)
class LabelStatistics:
    """Label statistics of a split, image by image.

    Args:
        spec: the data set.
        names: the images that were counted.
        examples: number of images of the split, counted or not.
        pixels: int64 ``[images, classes]``, pixels of every class; void is none of them.
        sizes: int64 ``[images, 2]``, height and width.

    Example:
        >>> spec = DatasetSpec("pets", ("background", "cat", "dog"))
        >>> statistics = LabelStatistics(spec, ["a", "b"], 2, np.array([[2, 2, 0], [3, 0, 0]]),
        ...                              np.array([[2, 2], [2, 2]]))
        >>> statistics.frequencies.tolist(), statistics.void_share
        ([0.625, 0.5, nan], 0.125)
    """

    spec: DatasetSpec
    names: list[str]
    examples: int
    pixels: np.ndarray
    sizes: np.ndarray

    @property
    def class_pixels(self) -> np.ndarray:
        """Pixels of every class, int64 ``[classes]``."""
        return self.pixels.sum(0)

    @property
    def class_images(self) -> np.ndarray:
        """Number of images that every class occurs in, int64 ``[classes]``."""
        return (self.pixels > 0).sum(0)

    @property
    def shares(self) -> np.ndarray:
        """Share of every class in the labelled pixels, 0 where no pixel is labelled."""
        return self.class_pixels / max(self.class_pixels.sum(), 1)

    @property
    def void_share(self) -> float:
        """Share of pixels that count neither in the loss nor in a metric."""
        return float(1 - self.pixels.sum() / self.sizes.prod(1).sum())

    @property
    def frequencies(self) -> np.ndarray:
        """Pixels of a class divided by all pixels of the images where it occurs.

        NaN for a class that never occurs.
        """
        in_its_images = ((self.pixels > 0) * self.sizes.prod(1)[:, None]).sum(0)
        return np.where(in_its_images > 0, self.class_pixels / np.maximum(in_its_images, 1), np.nan)

    @property
    def median_frequency_weights(self) -> np.ndarray:
        """Weights that balance the classes: median of the frequencies divided by the frequency.

        NaN for a class that never occurs; the median is that of the others.

        Source: Eigen and Fergus 2015 (arXiv:1411.4734), weights of the SIFT Flow experiment.
        """
        frequencies = self.frequencies
        known = frequencies[~np.isnan(frequencies)]
        return (np.median(known) if known.size else np.nan) / frequencies


def count_labels(
    split: Split, limit: int | None = None, progress: Callable[[Iterable], Iterable] = iter
) -> LabelStatistics:
    """Reads every label once, in parallel threads, and counts its pixels.

    Args:
        split: where labels come from.
        limit: count so many images only, spread evenly over the split.
        progress: wraps the images, such as `tqdm`.

    Raises:
        DataError: a file is broken; the message names it.

    Example:
        >>> from deeplab_tf.data import SyntheticSplit
        >>> count_labels(SyntheticSplit("val"), limit=2).sizes.tolist()
        [[97, 97], [97, 97]]
    """
    classes = split.spec.num_classes

    def count(example: dict[str, tf.Tensor]) -> tuple[tf.Tensor, ...]:
        label = example["label"]
        # Ids of maxlength and above, which only void has, are left out.
        pixels = tf.math.bincount(tf.reshape(label, [-1]), minlength=classes, maxlength=classes)
        return example["name"], pixels, tf.shape(label)

    counted = tf.autograph.experimental.do_not_convert(count)
    dataset = evaluation_dataset(split, limit).map(counted, num_parallel_calls=tf.data.AUTOTUNE)
    with naming_broken_files(split):
        rows = [tuple(part.numpy() for part in row) for row in progress(dataset)]
    names, pixels, sizes = zip(*rows, strict=True)
    return LabelStatistics(
        split.spec,
        [name.decode() for name in names],
        len(split),
        np.array(pixels, np.int64),
        np.array(sizes, np.int64),
    )
