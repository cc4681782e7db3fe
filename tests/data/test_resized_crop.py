import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.data.resized_crop import ResizedCrop
from tests.data.fakes import random_label

SCALES = (0.31, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)


def noise(height, width):
    """The hardest image for interpolation: no two neighbours are alike."""
    rng = np.random.default_rng(height * 1000 + width)
    return rng.integers(0, 256, (height, width, 3)).astype(np.uint8)


def make_crop(size, scale, side, place, mirrored):
    scaled = [max(1, int(length * scale)) for length in size]
    shown = [min(length, side) for length in scaled]
    start = [round(place * (a - b)) for a, b in zip(scaled, shown, strict=True)]
    parts = (tf.constant(part, tf.int32) for part in (size, scaled, start, shown))
    return ResizedCrop(*parts, tf.constant(mirrored), side, tf.constant(mirrored))


@tf.function(reduce_retracing=True)
def show(crop, image, label):
    """Gives the crop its window and nothing else of the image."""
    window = crop.window()
    top, left, height, width = tf.unstack(window)
    return *crop.show(image[top : top + height, left : left + width], label), window


def whole_then_crop(crop, image, label):
    """The same by resizing everything: tf.image.resize, and OpenCV's rule for the nearest."""
    top, left, height, width = *crop.start.numpy(), *crop.shown.numpy()
    scaled = crop.scaled.numpy()
    rows, columns = (np.arange(b) * a // b for a, b in zip(label.shape, scaled, strict=True))
    resized = tf.image.resize(image, scaled, method="bilinear", antialias=False).numpy()
    both = resized, label[rows][:, columns].astype(np.int32)
    parts = [part[top : top + height, left : left + width] for part in both]
    return [part[:, ::-1] if crop.mirrored else part for part in parts]


@pytest.mark.slow
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("size", [(97, 131), (64, 48), (31, 200), (1, 1)])
def test_equals_resizing_everything_and_cropping_then(size, scale, mirrored):
    image, label = noise(*size), random_label(*size, 5)
    windows = set()
    for side in (17, 45, 320):
        for place in (0.0, 0.37, 1.0):
            crop = make_crop(size, scale, side, place, mirrored)
            *shown, window = show(crop, image, label)
            for one, other in zip(shown, whole_then_crop(crop, image, label), strict=True):
                assert one.dtype == other.dtype
                np.testing.assert_array_equal(one, other)
            windows.add(tuple(window.numpy()))
    assert (0, 0, *size) in windows  # all of it with the largest side
    if size == (97, 131):
        assert len(windows) > 3


@pytest.mark.parametrize("place", [0.0, 0.4, 1.0])
def test_a_small_part_needs_a_small_window(place):
    for scale in SCALES:
        crop = make_crop((501, 803), scale, 33, place, mirrored=True)
        _, _, height, width = crop.window().numpy()
        assert max(height, width) <= 33 / scale + 3


def test_any_type_of_label_is_taken():
    image, label = noise(30, 40), random_label(30, 40, 5)
    crop = make_crop((30, 40), 1.25, 9, 0.5, mirrored=False)
    for kind in (np.uint8, np.int32, np.int64):
        shown = show(crop, image, label.astype(kind))[1]
        assert shown.dtype == tf.int32
        np.testing.assert_array_equal(shown, whole_then_crop(crop, image, label)[1])
