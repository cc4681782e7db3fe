import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy import ndimage

from deeplab_tf.data.augment import Augmentation, augment
from tests.data.fakes import random_label, smooth_image

MEAN = (122.675, 116.669, 104.008)


def bilinear(image, height, width):
    """OpenCV's INTER_LINEAR, pixel by pixel: sample at the centres, clamp at the border."""
    rows, columns = image.shape[:2]
    result = np.zeros((height, width, 3))
    for i in range(height):
        y = min(max((i + 0.5) * rows / height - 0.5, 0), rows - 1)
        top, v = int(y), y - int(y)
        bottom = min(top + 1, rows - 1)
        for j in range(width):
            x = min(max((j + 0.5) * columns / width - 0.5, 0), columns - 1)
            left, u = int(x), x - int(x)
            right = min(left + 1, columns - 1)
            upper = (1 - u) * image[top, left] + u * image[top, right]
            lower = (1 - u) * image[bottom, left] + u * image[bottom, right]
            result[i, j] = (1 - v) * upper + v * lower
    return result


def literal(image, label, draws, augmentation, ignore_label):
    """Facts 2.2, word by word, from four numbers in [0, 1)."""
    if augmentation.scale_range:
        low, high = augmentation.scale_range
        scale = low + draws[0] * (high - low)
    else:
        scale = augmentation.scales[int(draws[0] * len(augmentation.scales))]
    scale *= augmentation.image_scale
    height, width = label.shape
    new_height, new_width = max(1, int(height * scale)), max(1, int(width * scale))
    image = bilinear(image.astype(np.float64), new_height, new_width)
    label = np.array(
        [
            [
                label[int(i * height / new_height), int(j * width / new_width)]
                for j in range(new_width)
            ]
            for i in range(new_height)
        ]
    )
    crop = augmentation.crop_size
    padded_size = max(new_height, crop), max(new_width, crop)
    padded_image = np.empty((*padded_size, 3))
    padded_image[:] = MEAN
    padded_image[:new_height, :new_width] = image
    padded_label = np.full(padded_size, ignore_label)
    padded_label[:new_height, :new_width] = label
    top = int(draws[1] * (padded_size[0] - crop + 1))
    left = int(draws[2] * (padded_size[1] - crop + 1))
    image = padded_image[top : top + crop, left : left + crop]
    label = padded_label[top : top + crop, left : left + crop]
    if augmentation.mirror and draws[3] < 0.5:
        image, label = image[:, ::-1], label[:, ::-1]
    return image, label


@pytest.mark.parametrize(
    "augmentation",
    [
        Augmentation(17),
        Augmentation(17, scales=(0.5, 0.75, 1, 1.25, 1.5)),
        Augmentation(24, scales=(0.5, 1.5), mirror=False),
        Augmentation(40, scales=(0.3, 2.0)),
        Augmentation(17, scale_range=(0.5, 1.5)),
        Augmentation(9, scales=(0.01,)),
        Augmentation(12, scales=(0.5, 1.5), image_scale=0.75),
    ],
    ids=Augmentation.describe,
)
@pytest.mark.parametrize("size", [(23, 31), (32, 20), (17, 17)])
def test_equals_the_literal_reading(augmentation, size):
    image, label = smooth_image(*size), random_label(*size, 5)
    in_graph = tf.function(augment)
    for number in range(6):
        seed = tf.constant([number, 7])
        draws = tf.random.stateless_uniform([4], seed=seed, dtype=tf.float64).numpy()
        expected = literal(image, label, draws, augmentation, ignore_label=200)
        got = in_graph(image, label, seed, augmentation, MEAN, ignore_label=200)
        assert (got[0].dtype, got[1].dtype) == (tf.float32, tf.int32)
        np.testing.assert_allclose(got[0], expected[0], atol=2e-3)
        np.testing.assert_array_equal(got[1], expected[1])


def whole(image, label, scale):
    size = max(1, int(max(label.shape) * scale))
    augmentation = Augmentation(size, scales=(scale,), mirror=False)
    return augment(image, label, tf.constant([0, 0]), augmentation, MEAN)


def test_enlarging_equals_pillow():
    image, label = smooth_image(21, 21), random_label(21, 21, 5)
    scaled, ids = whole(image, label, 2.0)
    expected = np.array(Image.fromarray(image).resize((42, 42), Image.BILINEAR))
    np.testing.assert_allclose(scaled, expected, atol=1.01)
    np.testing.assert_array_equal(ids, np.array(Image.fromarray(label).resize((42, 42), 0)))


def test_shrinking_equals_scipy():
    image, label = smooth_image(33, 33), random_label(33, 33, 5)
    scaled, _ = whole(image, label, 0.5)
    centres = (np.arange(16) + 0.5) * 33 / 16 - 0.5
    grid = np.meshgrid(centres, centres, indexing="ij")
    for channel in range(3):
        expected = ndimage.map_coordinates(image[..., channel].astype(float), grid, order=1)
        np.testing.assert_allclose(scaled[..., channel], expected, atol=2e-3)


def test_scale_one_without_crop_changes_nothing():
    image, label = smooth_image(20, 20), random_label(20, 20, 5)
    scaled, ids = whole(image, label, 1.0)
    np.testing.assert_array_equal(scaled, image)
    np.testing.assert_array_equal(ids, label)


def test_padding_is_at_the_bottom_and_right_in_the_given_colour():
    image, label = smooth_image(10, 14), random_label(10, 14, 5)
    augmentation = Augmentation(16, mirror=False)
    padded, ids = augment(image, label, tf.constant([3, 4]), augmentation, MEAN, 99)
    np.testing.assert_array_equal(padded[:10, :14], image)
    np.testing.assert_array_equal(padded[10:], np.broadcast_to(np.float32(MEAN), (6, 16, 3)))
    np.testing.assert_array_equal(padded[:, 14:], np.broadcast_to(np.float32(MEAN), (16, 2, 3)))
    assert np.all(ids[10:] == 99)
    assert np.all(ids[:, 14:] == 99)


def test_every_choice_happens_and_only_the_seed_decides():
    # Position is written into the pixels: red = row, green = column.
    rows, columns = np.mgrid[:12, :12]
    image = np.stack([rows, columns, rows * 0], -1).astype(np.uint8)
    label = (rows * 0).astype(np.uint8)
    augmentation, in_graph = Augmentation(10), tf.function(augment)
    image, label = tf.constant(image), tf.constant(label)
    seen = set()
    for number in range(200):
        seed = tf.constant([number, 1], tf.int64)
        crop, _ = in_graph(image, label, seed, augmentation, MEAN)
        again, _ = in_graph(image, label, seed, augmentation, MEAN)
        np.testing.assert_array_equal(crop, again)
        mirrored = bool(crop[0, 0, 1] > crop[0, -1, 1])
        seen.add((int(crop[0, 0, 0]), int(min(crop[0, 0, 1], crop[0, -1, 1])), mirrored))
    assert len(seen) == 3 * 3 * 2


def test_scales_are_drawn_evenly():
    image, label = np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.uint8)
    in_graph = tf.function(augment)
    augmentation = Augmentation(16, scales=(0.5, 1.0, 2.0), mirror=False)
    sizes = [
        int(np.sum(in_graph(image, label, tf.constant([n, 0]), augmentation, MEAN)[1][0] == 0))
        for n in range(300)
    ]
    counts = [sizes.count(size) for size in (4, 8, 16)]
    assert sum(counts) == 300
    assert min(counts) > 70


@pytest.mark.parametrize(
    ("augmentation", "text"),
    [
        (Augmentation(321), "pad crop(321) mirror"),
        (Augmentation(321, (0.5, 0.75, 1), mirror=False), "scale(0.5|0.75|1) pad crop(321)"),
        (Augmentation(9, scale_range=(0.5, 1.5)), "scale(0.5..1.5) pad crop(9) mirror"),
        (Augmentation(9, (0.5, 1), image_scale=0.5), "resize(0.5) scale(0.5|1) pad crop(9) mirror"),
    ],
)
def test_description(augmentation, text):
    assert augmentation.describe() == text


@pytest.mark.parametrize(
    "change",
    [
        {"crop_size": 0},
        {"scales": ()},
        {"scales": (0.0, 1.0)},
        {"scale_range": (1.5, 0.5)},
        {"scale_range": (0.0, 1.0)},
        {"scale_range": (1.0,)},
        {"image_scale": 0.0},
        {"image_scale": float("inf")},
        {"scales": (1.0, float("nan"))},
        {"scales": (1.0, float("inf"))},
        {"scale_range": (1.0, float("inf"))},
        {"scale_range": (float("nan"), 1.0)},
    ],
)
def test_senseless_values_are_refused(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        dataclasses.replace(Augmentation(9), **change)
