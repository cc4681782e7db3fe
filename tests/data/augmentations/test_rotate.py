import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy import ndimage

from deeplab_tf.data.augment import AugmentationPipeline, augment
from deeplab_tf.data.augmentations.operation import Geometric, draw_each
from tests.data.fakes import random_label, smooth_image

MEAN = (122.675, 116.669, 104.008)


def rotated(text, image, label, number=0):
    augmentation = AugmentationPipeline(text)
    seed = tf.constant([number, 9])
    found = [part.numpy() for part in augment(image, label, seed, augmentation, MEAN, 99)]
    return augmentation, seed, *found


def test_equals_pillow_counter_clockwise():
    image, label = smooth_image(40, 40), random_label(40, 40, 5)
    for angle in (30, -75):
        _, _, crop, ids = rotated(f"crop(40)|rotate({angle}..{angle})", image, label)
        nearest = Image.fromarray(label).rotate(angle, Image.Resampling.NEAREST, fillcolor=99)
        np.testing.assert_array_equal(ids, nearest)
        bilinear = Image.fromarray(image).rotate(angle, Image.Resampling.BILINEAR)
        inside = ndimage.binary_erosion(np.not_equal(nearest, 99) | (label == 99), iterations=2)
        np.testing.assert_allclose(crop[inside], np.asarray(bilinear)[inside], atol=1.01)
        np.testing.assert_array_equal(
            crop[ids == 99], np.broadcast_to(np.float32(MEAN), (np.sum(ids == 99), 3))
        )


@pytest.mark.parametrize("angle", [90, 180, 270])
def test_quarter_turns_only_move_pixels(angle):
    image, label = smooth_image(20, 20), random_label(20, 20, 5)
    _, _, crop, ids = rotated(f"crop(20)|rotate({angle}..{angle})", image, label)
    np.testing.assert_allclose(crop, np.rot90(image, angle // 90), atol=1e-3)
    np.testing.assert_array_equal(ids, np.rot90(label, angle // 90))


def sampled(image, label, to_image, side):
    """A crop of which every pixel is looked up: bilinear by SciPy, nearest by rounding down."""
    rows, columns = np.mgrid[:side, :side] + 0.5
    y, x = to_image(rows, columns)
    inside = (y >= 0) & (y < label.shape[0]) & (x >= 0) & (x < label.shape[1])
    crop = np.empty((side, side, 3))
    crop[:] = MEAN
    for channel in range(3):
        values = ndimage.map_coordinates(
            image[..., channel].astype(float), [y - 0.5, x - 0.5], order=1, mode="nearest"
        )
        crop[inside, channel] = values[inside]
    ids = np.full((side, side), 99)
    ids[inside] = label[np.floor(y[inside]).astype(int), np.floor(x[inside]).astype(int)]
    # Where rounding may go either way, nothing is compared.
    clear = np.all([np.abs(v - np.round(v)) > 1e-3 for v in (y, x)], axis=0)
    return crop, ids, clear


def turn(y, x, centre, angle):
    """Where the pixels of a picture that was turned counter-clockwise come from."""
    y, x = y - centre[0], x - centre[1]
    return (
        centre[0] + np.cos(angle) * y + np.sin(angle) * x,
        centre[1] - np.sin(angle) * y + np.cos(angle) * x,
    )


@pytest.mark.parametrize("size", [(57, 83), (31, 20), (1, 1), (3, 60)])
@pytest.mark.parametrize("scale", [1.0, 0.6, 1.7])
def test_scale_crop_mirror_and_rotation_are_one_sampling(size, scale):
    image, label = smooth_image(*size), random_label(*size, 5)
    scaled = np.maximum(1, (np.array(size) * scale).astype(int))
    ratio, side = np.array(size) / scaled, 24
    for number in range(4):
        augmentation, seed, crop, ids = rotated(
            f"scale({scale})|crop({side})|mirror|rotate(40)", image, label, number
        )
        four = tf.random.stateless_uniform([4], seed, dtype=tf.float64).numpy()
        start = (four[1:3] * (np.maximum(0, scaled - side) + 1)).astype(int)
        *_, (_, draws) = draw_each(augmentation.operations, seed, Geometric)
        angle = np.deg2rad(-40 + 80 * float(draws.number()))

        def to_image(y, x, start=start, angle=angle, mirrored=four[3] < 0.5):
            y, x = turn(y, x, (side / 2, side / 2), angle)
            x = side - x if mirrored else x
            return (y + start[0]) * ratio[0], (x + start[1]) * ratio[1]

        expected, expected_ids, clear = sampled(image, label, to_image, side)
        np.testing.assert_array_equal(ids[clear], expected_ids[clear])
        np.testing.assert_allclose(crop[clear], expected[clear], atol=0.05)


def test_before_the_crop_the_image_turns_around_its_centre():
    size, side = (40, 60), 24
    image, label = smooth_image(*size), random_label(*size, 5)
    for number in range(3):
        text = f"rotate(20..20)|scale(0.5)|mirror|crop({side})"
        _, seed, crop, ids = rotated(text, image, label, number)
        four = tf.random.stateless_uniform([4], seed, dtype=tf.float64).numpy()
        start = (four[1:3] * (np.maximum(0, np.array([20, 30]) - side) + 1)).astype(int)

        def to_image(y, x, start=start, mirrored=four[3] < 0.5):
            y, x = y + start[0], x + start[1]
            x = 30 - x if mirrored else x
            return turn(2 * y, 2 * x, (20, 30), np.deg2rad(20))

        expected, expected_ids, clear = sampled(image, label, to_image, side)
        np.testing.assert_array_equal(ids[clear], expected_ids[clear])
        np.testing.assert_allclose(crop[clear], expected[clear], atol=0.05)


@pytest.mark.parametrize(
    ("argument", "low", "high"), [("10", -10, 10), ("5..20", 5, 20), ("0|90", 0, 90)]
)
def test_angles_come_from_the_argument(argument, low, high):
    """Read off a ramp: its slope turns with the image."""
    ramp = np.repeat(np.arange(41, dtype=np.uint8)[None], 41, 0)
    image, label = np.repeat(ramp[..., None], 3, -1), np.zeros((41, 41), np.uint8)
    angles = []
    for number in range(12):
        crop = rotated(f"crop(41)|rotate({argument})", image, label, number)[2][..., 0]
        down, right = crop[21, 20] - crop[20, 20], crop[20, 21] - crop[20, 20]
        angles.append(np.rad2deg(np.arctan2(-down, right)))
    angles = np.array(angles)
    assert np.all((angles > low - 0.1) & (angles < high + 0.1))
    assert np.ptp(angles) > 0.5 * (high - low)
    if "|" in argument:
        assert {round(a) for a in angles} == {0, 90}
