import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from deeplab_tf.data.encoded import decode_example, decode_lazily
from deeplab_tf.data.png import encode_label
from deeplab_tf.data.spec import DatasetSpec
from tests.data.fakes import random_label, smooth_image

SPEC = DatasetSpec("toy", ("a", "b", "c"))


def encoded(image, label, kind):
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, kind)
    parts = {"image": stream.getvalue(), "label": encode_label(label), "name": "x"}
    parts.update(image_file="x.jpg", label_file="x.png")
    return {key: tf.constant(value) for key, value in parts.items()}


@tf.function
def lazily(parts, window):
    read_window, label = decode_lazily(parts, SPEC)
    return read_window(window), label


def whole(parts, window):
    example = decode_example(parts, SPEC)
    top, left, height, width = window
    return example["image"][top : top + height, left : left + width], example["label"]


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_window_is_a_part_of_the_whole(kind):
    image, label = smooth_image(40, 50), random_label(40, 50, 3)
    parts = encoded(image, label, kind)
    for window in ([0, 0, 40, 50], [3, 7, 20, 21], [39, 49, 1, 1]):
        found, expected = lazily(parts, tf.constant(window)), whole(parts, window)
        np.testing.assert_array_equal(found[0], expected[0])
        np.testing.assert_array_equal(found[1], label)
        np.testing.assert_array_equal(expected[1], label)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("decode", [lazily, whole])
def test_what_does_not_fit_is_named(kind, decode):
    image, window = smooth_image(40, 50), tf.constant([0, 0, 5, 5])
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"x\.png.*\[39 50\].*\[40 50\]"):
        decode(encoded(image, random_label(39, 50, 3), kind), window)
    label = random_label(40, 50, 3)
    label[20, 30] = 3
    text = r"x\.png: label id 3 is neither one of 0\.\.2 .* nor 255"
    with pytest.raises(tf.errors.InvalidArgumentError, match=text):
        decode(encoded(image, label, kind), window)


def test_without_a_label_all_is_void():
    parts = encoded(smooth_image(4, 5), random_label(4, 5, 3), "PNG")
    for key in ("label", "label_file"):
        del parts[key]
    window = tf.constant([1, 1, 2, 2])
    for _, label in (lazily(parts, window), whole(parts, window)):
        np.testing.assert_array_equal(label, np.full((4, 5), 255))
