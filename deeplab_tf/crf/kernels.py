"""The kernels of the CRF on an image."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from deeplab_tf.crf.lattice_kernels import LatticeKernels
from deeplab_tf.crf.parameters import CrfParameters
from deeplab_tf.crf.permutohedral import build_lattice
from deeplab_tf.crf.separable_kernel import SeparableKernel


def build_kernels(image, parameters: CrfParameters, weights, columns: int | None) -> list:
    """Returns linear maps whose sum is what pixels say to each other.

    A kernel whose weight is fixed at 0 is left out.

    Args:
        image: float32 [H, W, 3], RGB 0..255.
        parameters: of the CRF.
        weights: `Weights` of both kernels, used in place of the parameters' own.
        columns: the number of labels, if known.
    """
    height, width = tf.unstack(tf.shape(image)[:2])
    x = tf.cast(tf.tile(tf.range(width), [height]), tf.float32)
    y = tf.cast(tf.repeat(tf.range(height), width), tf.float32)
    kernels, on_lattices = [], []
    if parameters.bilateral_weight or parameters.trainable:
        colors = tf.unstack(tf.reshape(image, [-1, 3]), axis=1)
        features = [v / np.float32(parameters.bilateral_sigma_xy) for v in (x, y)]
        features += [v / np.float32(parameters.bilateral_sigma_rgb) for v in colors]
        on_lattices.append((build_lattice(features), weights.bilateral))
    if parameters.gaussian_weight or parameters.trainable:
        sigma = parameters.gaussian_sigma_xy
        if parameters.spatial_kernel == "lattice":
            features = [v / np.float32(sigma) for v in (x, y)]
            on_lattices.append((build_lattice(features), weights.gaussian))
        else:
            size, weight = (height, width), weights.gaussian
            kernels.append(SeparableKernel(size, sigma, weight, parameters.normalization))
    if on_lattices:
        lattices, weights = zip(*on_lattices, strict=True)
        kernels.append(LatticeKernels(lattices, weights, parameters.normalization, columns))
    return kernels
