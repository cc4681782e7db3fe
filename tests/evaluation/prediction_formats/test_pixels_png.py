import io

import numpy as np
from PIL import Image

from deeplab_tf.data.own_files import PREDICTION
from deeplab_tf.evaluation.prediction_formats.pixels_png import (
    encode_color_png,
    encode_confidence_png,
    encode_overlay_png,
    encode_pixels,
    overlay_pixels,
)
from tests.evaluation.prediction_formats.labelled import SPEC, labelled

LABELS = np.array([[0, 1], [2, SPEC.ignore_label]], np.uint8)
IMAGE = np.full([2, 2, 3], 100, np.uint8)
COLORS = np.array([*SPEC.palette, [224, 224, 192]])  # void, as in VOC


def opened(data):
    with Image.open(io.BytesIO(data)) as image:
        assert image.text["Software"] == PREDICTION
        return np.asarray(image)


def test_colours_are_the_palettes(tmp_path):
    found = opened(encode_color_png(labelled(tmp_path, LABELS)))
    np.testing.assert_array_equal(found, COLORS[[[0, 1], [2, 3]]])


def test_an_overlay_mixes_image_and_colours(tmp_path):
    image = labelled(tmp_path, LABELS, image=IMAGE)
    expected = np.round(0.75 * 100 + 0.25 * COLORS[[[0, 1], [2, 3]]])
    expected[1, 1] = 100  # nothing is to be seen there but the image
    np.testing.assert_array_equal(opened(encode_pixels(overlay_pixels(image, 0.25))), expected)
    half = opened(encode_overlay_png(image))
    np.testing.assert_array_equal(half[0, 1], np.round(50 + COLORS[1] / 2))


def test_confidence_is_grey_in_8_bits(tmp_path):
    confidence = np.array([[0, 0.5], [0.999, 1]], np.float32)
    found = opened(encode_confidence_png(labelled(tmp_path, LABELS, confidence=confidence)))
    assert found.dtype == np.uint8 and found.tolist() == [[0, 128], [255, 255]]
