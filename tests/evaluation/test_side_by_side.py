import io

import numpy as np
import pytest
from PIL import Image

from deeplab_tf.data.own_files import REPORT
from deeplab_tf.evaluation.side_by_side import GAP, encode_side_by_side, shrink


@pytest.mark.parametrize(
    ("size", "wanted"),
    [((60, 200), (30, 100)), ((200, 60), (80, 24)), ((80, 100), (80, 100)), ((3, 5), (3, 5))],
)
def test_both_sides_fit_and_keep_their_ratio(size, wanted):
    image, ids = np.zeros([*size, 3], np.uint8), np.zeros(size, np.uint8)
    shrunk = shrink(image, [ids, ids], width=100, height=80)
    assert [part.shape for part in shrunk] == [(*wanted, 3), wanted, wanted]


def test_ids_are_not_mixed_and_pixels_are():
    ids = np.arange(60 * 60).reshape(60, 60).astype(np.uint8) % 2 * 200
    image = np.dstack([ids] * 3)
    small, small_ids = shrink(image, [ids], width=30, height=30)
    assert set(np.unique(small_ids)) <= {0, 200}
    assert 50 < small.mean() < 150 and np.setdiff1d(small, [0, 200]).size


def test_what_fits_is_not_changed():
    rng = np.random.default_rng(0)
    image, ids = rng.integers(0, 256, [7, 9, 3], np.uint8), rng.integers(0, 3, [7, 9], np.uint8)
    same, same_ids = shrink(image, [ids], width=9, height=7)
    np.testing.assert_array_equal(same, image)
    np.testing.assert_array_equal(same_ids, ids)


@pytest.mark.parametrize("mark", [None, REPORT])
def test_images_stand_side_by_side_with_white_between(mark):
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 255, [2, 4, 5, 3], np.uint8)
    with Image.open(io.BytesIO(encode_side_by_side([first, second], mark))) as opened:
        pixels = np.asarray(opened)
        assert opened.info.get("Software") == mark
    assert pixels.shape == (4, 5 + GAP + 5, 3)
    np.testing.assert_array_equal(pixels[:, :5], first)
    np.testing.assert_array_equal(pixels[:, -5:], second)
    assert np.all(pixels[:, 5:-5] == 255)
