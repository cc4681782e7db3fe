import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.data.affine_crop import AffineCrop
from tests.data.fakes import random_label, smooth_image

COLOR = (1.0, 2.0, 3.0)


def make_crop(size, side, matrix, offset):
    return AffineCrop(
        tf.constant(size), side, tf.constant(matrix, tf.float64), tf.constant(offset, tf.float64)
    )


def shown(crop, image, label, window):
    top, left, height, width = window
    pixels = image[top : top + height, left : left + width]
    found = crop.pad(*crop.show(pixels, label), COLOR, 200)
    return [part.numpy() for part in found]


@pytest.mark.parametrize("offset", [(0, 0), (5, 9), (-4, 30), (-40, -40)])
def test_a_shift_copies_pixels_and_pads(offset):
    image, label = smooth_image(30, 40), random_label(30, 40, 5)
    crop = make_crop((30, 40), 16, np.eye(2), offset)
    padded = np.full((110, 120, 3), COLOR, np.float32), np.full((110, 120), 200)
    padded[0][40:70, 40:80], padded[1][40:70, 40:80] = image, label
    top, left = np.add(offset, 40)
    found = shown(crop, image, label, crop.window().numpy())
    for one, whole in zip(found, padded, strict=True):
        np.testing.assert_array_equal(one, whole[top : top + 16, left : left + 16])


@pytest.mark.parametrize("size", [(90, 120), (1, 1), (2, 300)])
def test_the_window_holds_all_that_is_needed_and_little_more(size):
    rng, side = np.random.default_rng(0), 12
    for _ in range(20):
        angle, scale = rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 2)
        cos, sin = np.cos(angle), np.sin(angle)
        matrix, offset = scale * np.array([[cos, sin], [-sin, cos]]), rng.uniform(-10, size)
        begin, extent = make_crop(size, side, matrix, offset).window().numpy().reshape(2, 2)
        assert np.all(begin >= 0) and np.all(extent >= 1) and np.all(begin + extent <= size)
        assert np.all(extent <= side * np.sqrt(2) * scale + 3)
        # Neighbours of all places inside of the image between which is interpolated.
        places = (np.mgrid[:side, :side].reshape(2, -1).T + 0.5) @ matrix.T + offset
        places = places[np.all((places >= 0) & (places < size), axis=1)] - 0.5
        for taps in (np.floor(places), np.ceil(places)):
            taps = np.clip(taps, 0, np.array(size) - 1)
            assert np.all(taps >= begin) and np.all(taps < begin + extent)


def test_any_type_of_label_is_taken():
    image, label = smooth_image(9, 9), random_label(9, 9, 5)
    crop = make_crop((9, 9), 9, np.eye(2), (0, 0))
    for kind in (np.uint8, np.int32, np.int64):
        ids = shown(crop, image, label.astype(kind), (0, 0, 9, 9))[1]
        assert ids.dtype == np.int32
        np.testing.assert_array_equal(ids, label)
