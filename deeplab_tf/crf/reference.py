"""Scenes like images, and mean field over all pairs of pixels in float64."""

import numpy as np


def scene(height, width, seed, num_classes=5):
    """Returns a uint8 image of shaded, textured, noisy objects and coarse float32 logits."""
    rng = np.random.default_rng(seed)
    y, x = np.indices((height, width)).astype(float)
    labels = np.zeros((height, width), int)
    for k in range(1, num_classes - 1):
        center_y, center_x = rng.uniform(0, height), rng.uniform(0, width)
        radius_y, radius_x = rng.uniform(0.15, 0.4, 2) * min(height, width)
        inside = ((y - center_y) / radius_y) ** 2 + ((x - center_x) / radius_x) ** 2 < 1
        labels[inside] = k
    image = rng.uniform(40, 215, (num_classes, 3))[labels]
    image += 25 * (np.sin(x / rng.uniform(4, 15)) * np.sin(y / rng.uniform(4, 15)))[..., None]
    image += 40 * (y / height - 0.5)[..., None] + rng.normal(0, 4, image.shape)
    coarse = labels[::4, ::4].repeat(4, axis=0).repeat(4, axis=1)[:height, :width]
    logits = 4.0 * np.eye(num_classes)[coarse] + rng.normal(0, 1, (height, width, num_classes))
    return np.clip(image, 0, 255).astype(np.uint8), logits.astype(np.float32)


def softmax(logits):
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def total_variation(p, q):
    """Mean over pixels; a single pixel may differ wholly, mean field has two stable ends there."""
    return 0.5 * np.abs(np.asarray(p, float) - np.asarray(q, float)).sum(axis=-1).mean()


def agreement(p, q):
    return (p.argmax(axis=-1) == q.argmax(axis=-1)).mean()


def brute_force(logits, image, parameters, penalties=None):
    """True Gaussians, every pair, a pixel's message to itself kept; `penalties` [C, C]."""
    num_classes = logits.shape[-1]
    if penalties is None:
        penalties = 1 - np.eye(num_classes)
    kernel = sum(gaussian_kernel(image, parameters))
    unary = logits.reshape(-1, num_classes).astype(float)
    marginals = softmax(unary)
    for _ in range(parameters.iterations):
        marginals = softmax(unary - kernel @ marginals @ penalties.T)
    return marginals.reshape(logits.shape)


def gaussian_kernel(image, parameters):
    """Returns the weighted appearance and smoothness kernels [N, N]."""
    y, x = np.indices(image.shape[:2]).reshape(2, -1).astype(float)
    xy, rgb = np.stack([x, y], axis=1), image.reshape(-1, 3).astype(float)
    appearance = np.concatenate(
        [xy / parameters.bilateral_sigma_xy, rgb / parameters.bilateral_sigma_rgb], axis=1
    )
    smoothness = xy / parameters.gaussian_sigma_xy
    return (
        parameters.bilateral_weight * _kernel(appearance, parameters.normalization),
        parameters.gaussian_weight * _kernel(smoothness, parameters.normalization),
    )


def _kernel(features, normalization):
    squares = (features**2).sum(axis=1)
    distances = squares[:, None] + squares[None] - 2 * features @ features.T
    kernel = np.exp(-0.5 * np.maximum(distances, 0))
    sums = kernel.sum(axis=1)
    if normalization == "after":
        return kernel / sums[:, None]
    if normalization == "before":
        return kernel / sums[None]
    if normalization == "symmetric":
        return kernel / np.sqrt(sums[:, None] * sums[None])
    return kernel
