import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from deeplab_tf.data.augment import AugmentationPipeline
from deeplab_tf.data.augmentations.operation import Photometric, draw_each


def noise(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.float32)


def blurred(argument, image, number=0):
    augmentation = AugmentationPipeline(f"crop(9)|blur({argument})")
    seed = tf.constant([number, 2])
    ((_, draws),) = draw_each(augmentation.operations, seed, Photometric)
    return augmentation.change_colors(tf.constant(image), seed).numpy(), float(draws.number())


@pytest.mark.parametrize("size", [(23, 31), (5, 2), (1, 9), (1, 1)])
@pytest.mark.parametrize(
    ("argument", "low", "high"),
    [("0.5", 0, 0.5), ("3", 0, 3), ("1..2", 1, 2), ("1.5|1.5", 1.5, 1.5)],
)
def test_equals_scipy(size, argument, low, high):
    image = noise(*size)
    for number in range(3):
        found, draw = blurred(argument, image, number)
        sigma = low + draw * (high - low)
        # As far as the kernel of the largest sigma reaches.
        radius = int(np.ceil(4 * high))
        expected = ndimage.gaussian_filter(
            image.astype(float), sigma, mode="nearest", radius=radius, axes=(0, 1)
        )
        np.testing.assert_allclose(found, expected, atol=1e-2)


def test_sigma_0_changes_nothing():
    image = noise(6, 7)
    for argument in ("0", "0|0", "0..0"):
        np.testing.assert_array_equal(blurred(argument, image)[0], image)
