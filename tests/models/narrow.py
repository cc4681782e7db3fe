"""Narrow networks whose logits are large enough to compare."""

import contextlib
from unittest import mock

import keras
import numpy as np
import tensorflow as tf

from deeplab_tf.models.deeplab import DeepLab


def narrow_model(backbone="vgg16", head="large_fov", **options):
    """Builds a DeepLab with few channels, three classes and classifiers of deviation 1.

    The published classifiers start near zero; logits that small would hide any difference.
    """
    model = DeepLab(backbone, head, **{"num_classes": 3, "width": 0.1, **options})
    rng = np.random.default_rng(0)
    for name, variable in model.variables_by_name().items():
        if "fc8" in name or "fc1" in name or name.startswith("logits"):
            variable.assign(rng.normal(size=variable.shape))
    return model


@contextlib.contextmanager
def weights_of_zero():
    """Lets variables begin at zero: of full-width networks only the shapes matter to a count."""
    with mock.patch.object(
        keras.initializers.VarianceScaling,
        "__call__",
        lambda self, shape, dtype=None, **options: tf.zeros(shape, dtype or "float32"),
    ):
        yield


def noise_images(height, width, count=1, seed=0):
    """Returns noise, uint8 [count, height, width, 3]."""
    return np.random.default_rng(seed).integers(0, 256, [count, height, width, 3], np.uint8)


def patches(height, width):
    """Returns coloured squares with noise, uint8 [1, height, width, 3]."""
    squares = noise_images(-(-height // 20), -(-width // 20)) // 2
    squares = squares.repeat(20, axis=1).repeat(20, axis=2)[:, :height, :width]
    return squares + noise_images(height, width) // 8


def uncertain_model(images, **options):
    """Builds a narrow model that finds all classes in images, so unsure that the CRF matters."""
    keras.utils.set_random_seed(0)
    model = narrow_model(width=0.05, **options)
    kernel, bias = (model.variables_by_name()[f"fc8/{name}"] for name in ("kernel", "bias"))
    kernel.assign(0.05 * tf.convert_to_tensor(kernel))
    bias.assign(tf.zeros_like(bias))
    bias.assign(-tf.reduce_mean(model(images), axis=(0, 1, 2)))
    return model


def with_mean_below_and_right(images, height, width):
    """Pads to a size with the mean colour of Caffe's ImageNet, float32."""
    mean_rgb = (122.675, 116.669, 104.008)
    padded = np.empty([len(images), height, width, 3], np.float32)
    padded[:] = mean_rgb
    padded[:, : images.shape[1], : images.shape[2]] = images
    return padded


def assert_same_logits(found, wanted, tolerance=1e-4):
    """Compares logits relative to their own deviation, which must not vanish."""
    found, wanted = np.asarray(found), np.asarray(wanted)
    scale = wanted.std()
    assert scale > 1e-3
    np.testing.assert_allclose(found / scale, wanted / scale, rtol=0, atol=tolerance)
