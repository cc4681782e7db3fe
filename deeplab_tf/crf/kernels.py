"""Builds the kernels of the CRF on an image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import tensorflow as tf

from deeplab_tf.crf.inputs import finite_image
from deeplab_tf.crf.lattice.build_lattice import Lattice, build_lattice
from deeplab_tf.crf.lattice.kernel import LatticeKernel
from deeplab_tf.crf.learnable import Weights
from deeplab_tf.crf.parameters import CrfParameters
from deeplab_tf.crf.separable_kernel import SeparableKernel

# A linear map over the pixels, from [N, K] to tensors [N, K] whose sum is the result.
Filter = Callable[[tf.Tensor], list[tf.Tensor]]


class Kernel(Protocol):
    """What the mean field needs of a kernel, which has its weight and normalisation inside."""

    def __call__(self, values: tf.Tensor) -> list[tf.Tensor]:
        """Filters [N, K]; returns tensors [N, K] whose sum is the result."""

    def restrict(
        self, points: tf.Tensor, is_point: tf.Tensor, values: tf.Tensor
    ) -> tuple[list[tf.Tensor], Filter]:
        """Filters all pixels' values for some pixels only, and makes the kernel between these.

        Args:
            points: int32 [P], the pixels.
            is_point: bool [N], the same.
            values: [N, K].

        Returns:
            Tensors [P, K] whose sum is the result at these pixels, and the filter from [P, K] to
            the same.
        """


def build_kernels(
    image: tf.Tensor,
    parameters: CrfParameters,
    weights: Weights,
    columns: int | None,
    lattices: list[Lattice] | None = None,
) -> list[Kernel]:
    """Builds the weighted and normalised kernels, but none whose weight is fixed at 0.

    Args:
        image: float32 [H, W, 3], RGB 0..255.
        parameters: of the CRF.
        weights: of both kernels, used in place of the parameters' own.
        columns: the number of labels, if known.
        lattices: those of the `pixel_features`, if they are built already.
    """
    normalization = parameters.normalization
    if lattices is None:
        lattices = [build_lattice(features) for features in pixel_features(image, parameters)]
    pairs = zip(("bilateral", "gaussian"), (weights.bilateral, weights.gaussian), strict=True)
    used = [weight for kernel, weight in pairs if _is_used(kernel, parameters)]
    kernels: list[Kernel] = [
        LatticeKernel(lattice, weight, normalization, columns)
        for lattice, weight in zip(lattices, used, strict=False)
    ]
    if len(used) > len(lattices):  # the last one has no lattice
        size, sigma = tf.unstack(tf.shape(image)[:2]), parameters.gaussian_sigma_xy
        kernels.append(SeparableKernel(size, sigma, used[-1], normalization))
    return kernels


def pixel_features(image: tf.Tensor, parameters: CrfParameters) -> list[list[tf.Tensor]]:
    """Returns, for every kernel on a lattice, all pixels' coordinates in standard deviations.

    Args:
        image: float32 [H, W, 3], RGB 0..255.
        parameters: of the CRF.

    Returns:
        Lists of float32 [N]: x, y, red, green, blue of the appearance kernel, then x, y of the
        smoothness kernel where it is on a lattice.

    Raises:
        tf.errors.InvalidArgumentError: when run, the image holds NaN or infinity.
    """
    height, width = tf.unstack(tf.shape(image)[:2])
    places = [tf.tile(tf.range(width), [height]), tf.repeat(tf.range(height), width)]
    places = [tf.cast(place, tf.float32) for place in places]
    features = []
    if _is_used("bilateral", parameters):
        colors = tf.unstack(tf.reshape(finite_image(image), [-1, 3]), axis=1)
        scaled = _divided(places, parameters.bilateral_sigma_xy)
        features.append(scaled + _divided(colors, parameters.bilateral_sigma_rgb))
    if _is_used("gaussian", parameters) and parameters.spatial_kernel == "lattice":
        features.append(_divided(places, parameters.gaussian_sigma_xy))
    return features


def _is_used(kernel: str, parameters: CrfParameters) -> bool:
    return parameters.trainable or getattr(parameters, f"{kernel}_weight") > 0


def _divided(values: list[tf.Tensor], sigma: float) -> list[tf.Tensor]:
    return [value / np.float32(sigma) for value in values]
