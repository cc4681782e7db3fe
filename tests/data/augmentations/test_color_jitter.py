import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageEnhance

from deeplab_tf.data.augment import AugmentationPipeline
from deeplab_tf.data.augmentations.operation import Photometric, draw_each
from tests.data.fakes import smooth_image


def jittered(text, image, number):
    augmentation, seed = AugmentationPipeline(f"crop(9)|{text}"), tf.constant([number, 2])
    ((_, draws),) = draw_each(augmentation.operations, seed, Photometric)
    image = tf.constant(image, tf.float32)
    return augmentation.change_colors(image, seed).numpy(), draws.numbers(3).numpy()


@pytest.mark.parametrize(
    ("text", "strengths"),
    [
        ("color_jitter(0.4)", (0.4, 0.4, 0.4)),
        ("color_jitter(1)", (1, 1, 1)),
        ("color_jitter(0.5,0)", (0.5, 0, 0)),
        ("color_jitter(0,0.5,0)", (0, 0.5, 0)),
        ("color_jitter(0,0,0.5)", (0, 0, 0.5)),
    ],
)
def test_equals_pillow(text, strengths):
    image = smooth_image(23, 31)
    for number in range(4):
        found, draws = jittered(text, image, number)
        expected = Image.fromarray(image)
        enhancers = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)
        for enhance, strength, draw in zip(enhancers, strengths, draws, strict=True):
            expected = enhance(expected).enhance(1 + strength * (2 * draw - 1))
        # Pillow rounds after every step, and then the differences grow with the next factor.
        np.testing.assert_allclose(found, np.asarray(expected), atol=4)
        assert found.min() >= 0 and found.max() <= 255


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (12, 9)])
def test_strength_0_changes_nothing(size):
    image = smooth_image(*size)
    np.testing.assert_allclose(jittered("color_jitter(0)", image, 1)[0], image, atol=1e-3)
