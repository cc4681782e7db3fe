"""Scenes like images with logits like a network's, and how results are compared."""

import numpy as np

from deeplab_tf.layers.dense_crf import DenseCRF


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


def total_variation(p, q):
    """Mean over pixels; a single pixel may differ wholly, mean field has two stable ends there."""
    return 0.5 * np.abs(np.asarray(p, float) - np.asarray(q, float)).sum(axis=-1).mean()


def agreement(p, q):
    return (p.argmax(axis=-1) == q.argmax(axis=-1)).mean()


def refine_eagerly(logits, image, **parameters):
    """The same as `mean_field` without compiling, which takes ten times as long as a few calls."""
    layer = DenseCRF(**parameters)
    layer.compiled = False
    return layer((logits[None], image[None]))[0].numpy()
