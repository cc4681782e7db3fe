import functools
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy import ndimage

from deeplab_tf.data.augment import AugmentationPipeline, augment
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


# Text -> factors or range of the scale, side of the crop, mirror, image_scale.
RELEASED = {
    "crop(17)|mirror": ((1.0,), 17, True, 1.0),
    "scale(0.5|0.75|1|1.25|1.5)|crop(17)|mirror": ((0.5, 0.75, 1, 1.25, 1.5), 17, True, 1.0),
    "scale(0.5|1.5)|crop(24)": ((0.5, 1.5), 24, False, 1.0),
    "scale(0.3|2)|crop(40)|mirror": ((0.3, 2.0), 40, True, 1.0),
    "scale(0.5..1.5)|crop(17)|mirror": (slice(0.5, 1.5), 17, True, 1.0),
    "scale(0.01)|crop(9)|mirror": ((0.01,), 9, True, 1.0),
    "scale(0.5|1.5)|crop(12)|mirror": ((0.5, 1.5), 12, True, 0.75),
}
SIZES = ((23, 31), (32, 20), (17, 17), (1, 1))


def literal(image, label, draws, recipe, ignore_label):
    """Facts 2.2, word by word, from four numbers in [0, 1)."""
    scales, crop, mirror, image_scale = recipe
    if isinstance(scales, slice):
        scale = scales.start + draws[0] * (scales.stop - scales.start)
    else:
        scale = scales[int(draws[0] * len(scales))]
    scale *= image_scale
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
    if mirror and draws[3] < 0.5:
        image, label = image[:, ::-1], label[:, ::-1]
    return image, label


# CRC of the labels that the code of version 0.1 returned for six seeds of every size.
LABELS_OF_0_1 = {
    "crop(17)|mirror": 2_860_936_101,
    "scale(0.5|0.75|1|1.25|1.5)|crop(17)|mirror": 1_841_971_068,
    "scale(0.5|1.5)|crop(24)": 130_714_892,
    "scale(0.3|2)|crop(40)|mirror": 4_294_247_410,
    "scale(0.5..1.5)|crop(17)|mirror": 1_609_410_201,
    "scale(0.01)|crop(9)|mirror": 3_022_535_967,
    "scale(0.5|1.5)|crop(12)|mirror": 1_424_582_680,
}


@functools.cache
def traced(text, image_scale=1.0, ignore_label=99):
    """Augments images of any size, with one tracing."""
    augmentation = AugmentationPipeline(text, image_scale)

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None, 3], tf.uint8),
            tf.TensorSpec([None, None], tf.uint8),
            tf.TensorSpec([2], tf.int32),
        ]
    )
    def run(image, label, seed):
        return augment(image, label, seed, augmentation, MEAN, ignore_label)

    return lambda *arguments: [part.numpy() for part in run(*arguments)]


@pytest.mark.slow
@pytest.mark.parametrize("text", RELEASED)
def test_scale_crop_and_mirror_are_those_of_version_0_1_and_of_the_literal_reading(text):
    recipe, checksum = RELEASED[text], 0
    in_graph = traced(text, recipe[-1], ignore_label=200)
    for size in SIZES:
        image, label = smooth_image(*size), random_label(*size, 5)
        for number in range(6):
            seed = tf.constant([number, 7])
            draws = tf.random.stateless_uniform([4], seed=seed, dtype=tf.float64).numpy()
            expected = literal(image, label, draws, recipe, ignore_label=200)
            got = in_graph(image, label, seed)
            assert (got[0].dtype, got[1].dtype) == (np.float32, np.int32)
            np.testing.assert_allclose(got[0], expected[0], atol=2e-3)
            np.testing.assert_array_equal(got[1], expected[1])
            checksum = zlib.crc32(got[1].astype("<i4").tobytes(), checksum)
    assert checksum == LABELS_OF_0_1[text]


def whole(image, label, scale):
    size = max(1, int(max(label.shape) * scale))
    augmentation = AugmentationPipeline(f"scale({scale})|crop({size})")
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
    augmentation = AugmentationPipeline("crop(16)")
    padded, ids = augment(image, label, tf.constant([3, 4]), augmentation, MEAN, 99)
    np.testing.assert_array_equal(padded[:10, :14], image)
    np.testing.assert_array_equal(padded[10:], np.broadcast_to(np.float32(MEAN), (6, 16, 3)))
    np.testing.assert_array_equal(padded[:, 14:], np.broadcast_to(np.float32(MEAN), (16, 2, 3)))
    assert np.all(ids[10:] == 99)
    assert np.all(ids[:, 14:] == 99)


@pytest.mark.slow
def test_every_choice_happens_and_only_the_seed_decides():
    # Position is written into the pixels: red = row, green = column.
    rows, columns = np.mgrid[:12, :12]
    image = np.stack([rows, columns, rows * 0], -1).astype(np.uint8)
    label = (rows * 0).astype(np.uint8)
    in_graph = traced("crop(10)|mirror")
    seen = set()
    for number in range(200):
        seed = tf.constant([number, 1])
        crop, _ = in_graph(image, label, seed)
        again, _ = in_graph(image, label, seed)
        np.testing.assert_array_equal(crop, again)
        mirrored = bool(crop[0, 0, 1] > crop[0, -1, 1])
        seen.add((int(crop[0, 0, 0]), int(min(crop[0, 0, 1], crop[0, -1, 1])), mirrored))
    assert len(seen) == 3 * 3 * 2


def test_scales_are_drawn_evenly():
    image, label = np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.uint8)
    in_graph = traced("scale(0.5|1|2)|crop(16)", ignore_label=255)
    sizes = [
        int(np.sum(in_graph(image, label, tf.constant([n, 0]))[1][0] == 0)) for n in range(300)
    ]
    counts = [sizes.count(size) for size in (4, 8, 16)]
    assert sum(counts) == 300
    assert min(counts) > 70


# === Operations together ===


def both(text, size, seed, image_scale=1.0):
    return traced(text, image_scale)(smooth_image(*size), random_label(*size, 5), seed)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(23, 31), (9, 40), (1, 1)])
def test_colours_change_neither_crop_nor_padding(size):
    seen = []
    for number in range(4):
        seed = tf.constant([number, 3])
        plain = both("scale(0.5|1)|crop(20)|mirror", size, seed)
        image, label = both("scale(0.5|1)|color_jitter(0.9)|crop(20)|mirror|blur(2)", size, seed)
        np.testing.assert_array_equal(label, plain[1])
        padding = np.all(plain[0] == np.float32(MEAN), -1)
        np.testing.assert_array_equal(image[padding], plain[0][padding])
        seen.append(padding.any())
        assert not np.array_equal(image, plain[0])
        assert image.min() >= 0 and image.max() <= 255
    assert any(seen)


@pytest.mark.slow
def test_a_mirror_before_the_crop_mirrors_the_image():
    """The crop is placed in the mirrored image, and padding stays at the right."""
    for size in ((23, 31), (31, 9)):
        image, label = smooth_image(*size), random_label(*size, 5)
        for number in range(8):
            seed = tf.constant([number, 5])
            flips = tf.random.stateless_uniform([4], seed=seed, dtype=tf.float64)[3] < 0.5
            turned = (image[:, ::-1], label[:, ::-1]) if flips else (image, label)
            expected = traced("crop(16)")(*turned, seed)
            found = both("mirror|crop(16)", size, seed)
            np.testing.assert_array_equal(found[0], expected[0])
            np.testing.assert_array_equal(found[1], expected[1])


def test_two_scales_are_one_with_the_product_of_their_factors():
    for number in range(3):
        seed = tf.constant([number, 5])
        for one, other in zip(
            both("scale(0.5)|scale(1.5)|crop(16)", (23, 31), seed, image_scale=2.0),
            both("scale(1.5)|crop(16)", (23, 31), seed),
            strict=True,
        ):
            np.testing.assert_array_equal(one, other)


def test_the_seed_decides_everything():
    text = "scale(0.5..2)|rotate(30)|crop(20)|mirror|color_jitter(0.5)|blur(1)"
    crops = [both(text, (23, 31), tf.constant([n, 1]))[0] for n in (0, 1, 0)]
    np.testing.assert_array_equal(crops[0], crops[2])
    assert not np.array_equal(crops[0], crops[1])


# === The object ===


def test_description():
    augmentation = AugmentationPipeline(" scale(0.50|.75) |crop(9)|mirror", image_scale=0.5)
    assert str(augmentation) == "scale(0.5|0.75)|crop(9)|mirror"
    assert augmentation.describe() == f"{augmentation} of images at scale 0.5"
    same = AugmentationPipeline(str(augmentation), 0.5)
    assert augmentation == same and hash(augmentation) == hash(same)
    assert augmentation != AugmentationPipeline(str(augmentation))


@pytest.mark.parametrize(
    ("text", "image_scale", "message"),
    [
        ("mirror", 1.0, "crop must occur once, 0 found"),
        ("crop(9)|crop(8)", 1.0, "crop must occur once, 2 found"),
        ("crop(9)|mirror|scale(2)", 1.0, r"scale\(2\) changes the size and must stand before crop"),
        ("crop(9)", 0.0, "image_scale must be above 0"),
        ("crop(9)", float("inf"), "image_scale must be above 0"),
        ("crop(9)", float("nan"), "image_scale must be above 0"),
    ],
)
def test_senseless_values_are_refused(text, image_scale, message):
    with pytest.raises(ValueError, match=message):
        AugmentationPipeline(text, image_scale)
