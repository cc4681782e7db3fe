import itertools

import keras
import numpy as np
import pytest

import deeplab_tf
from deeplab_tf.evaluation.tiles import TileGrid, exact_margin, plan_grid
from tests.models.narrow import assert_same_logits, narrow_model, noise_images, patches

pytestmark = pytest.mark.usefixtures("shallow")

# === Where tiles lie ===


def grids():
    for multiple, steps, margins in itertools.product((1, 8, 32), (1, 2, 5, 8), (0, 1, 2)):
        if steps > 2 * margins:
            yield TileGrid(steps * multiple + 1, margins * multiple, multiple)


@pytest.mark.parametrize("grid", list(grids()), ids=str)
def test_cores_cover_every_pixel_once_and_keep_their_distance(grid):
    for size in (*range(1, 80), 257, 500):
        spans = grid.spans(size)
        kept = [np.arange(size)[span.core] for span in spans]
        np.testing.assert_array_equal(np.concatenate(kept), np.arange(size))
        for span in spans:
            assert span.start % grid.multiple == 0
            assert span.stop - span.start <= grid.side
            assert span.start == 0 or span.core_start - span.start >= grid.margin
            assert span.stop == size or span.stop - span.core_stop >= grid.margin
            np.testing.assert_array_equal(
                np.arange(size)[span.computed][span.core_in_tile], np.arange(size)[span.core]
            )


def test_an_image_that_fits_is_one_tile():
    grid = TileGrid(side=65, margin=16, multiple=8)
    assert len(grid.spans(65)) == len(grid.spans(60)) == 1
    assert len(grid.spans(66)) == 2


@pytest.fixture(scope="module")
def large_fov():
    return narrow_model(width=0.03)


def test_margins_are_half_receptive_fields_and_the_zoom(large_fov):
    assert exact_margin(large_fov, (1.0,)) == 435 // 2 + 8 + 1
    assert exact_margin(large_fov, (0.5, 1.0)) == 2 * (435 // 2 + 8) + 1
    assert exact_margin(narrow_model(head="aspp_l", width=0.03), (1.0,)) == 611 // 2 + 8 + 1


def test_the_margin_is_at_most_a_quarter(large_fov):
    assert plan_grid(large_fov, (1.0,), 8, 2000) == (1993, 232, 8)
    assert plan_grid(large_fov, (1.0,), 8, 520) == (513, 128, 8)
    with pytest.raises(ValueError, match=r"at least 33.*tile=32"):
        plan_grid(large_fov, (1.0,), 32, 32)


# === What they give ===


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    ("backbone", "scales", "own_scales", "flip", "tile", "tolerance"),
    [("keras:MobileNet", (1.0,), (1.0,), False, 801, 1e-4),
     ("vgg16", (1.0, 0.5), (1.0,), True, 1025, 1e-4),
     ("vgg16", (1.0,), (1.0, 0.5), False, 1100, 1e-4),
     # Places between pixels are rounded to float32, in a wider image more.
     ("vgg16", (1.25, 0.75), (1.0,), False, 800, 3e-3)],
)  # fmt: skip
def test_tiles_with_the_exact_margin_are_the_whole(
    backbone, scales, own_scales, flip, tile, tolerance
):
    """Networks of small receptive fields, so that images stay small."""
    width = 1.0 if backbone.startswith("keras:") else 0.05
    model = narrow_model(backbone, "fc", scales=own_scales, width=width)
    whole = deeplab_tf.Predictor(model, scales=scales, flip=flip)
    tiled = deeplab_tf.Predictor(model, scales=scales, flip=flip, tile=tile)
    assert tiled.grid.margin >= exact_margin(model, scales)
    for image in (noise_images(41, 1500)[0], noise_images(1501, 23)[0]):
        assert len(list(tiled.grid.tiles(*image.shape[:2]))) > 1
        assert_same_logits(tiled.predict_logits(image), whole.predict_logits(image), tolerance)
        assert np.mean(tiled(image) == whole(image)) >= 0.9999


def test_seams_of_smaller_tiles_are_no_wider_than_the_exact_margin():
    model = narrow_model(head="fc", width=0.05)
    image = noise_images(41, 1500)[0]
    whole = deeplab_tf.Predictor(model).predict_logits(image)
    tiled = deeplab_tf.Predictor(model, tile=289)
    difference = np.abs(tiled.predict_logits(image) - whole).max(axis=(0, 2)) / whole.std()
    distance = np.full(1500, 10000)
    for span in tiled.grid.spans(1500):
        edges = [edge for edge in (span.start, span.stop - 1) if edge not in (0, 1499)]
        for x in range(*span.core.indices(1500)):
            distance[x] = min(abs(x - edge) for edge in edges)
    near = distance < exact_margin(model, (1.0,))
    assert difference[near].max() > 1e-2
    assert (~near).sum() > 100
    assert difference[~near].max() < 1e-4


# === Networks that average over the image ===


def test_tiles_of_a_network_with_global_context_overlap_by_half():
    pooled = narrow_model("resnet50", "v3plus", width=0.02, output_stride=16)
    assert plan_grid(pooled, (1.0,), 16, 2000) == (1985, 31 * 16, 16)
    assert plan_grid(pooled, (1.0,), 16, 520) == (513, 128, 16)
    local = narrow_model("vgg16", "aspp_v3", width=0.02, image_pooling="none")
    assert plan_grid(local, (1.0,), 8, 2000) == (1993, 8 * 52, 8)
    # LargeFOV sees 435 pixels, of which 8 + 96 to each side are pool5a's and fc6's.
    assert exact_margin(local, (1.0,)) == 435 // 2 - 104 + 36 * 8 + 8 + 1


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("head", ["aspp_v3", "v3plus"])
def test_tiles_are_exact_without_image_pooling(head):
    options = {"width": 0.05, "output_stride": 16, "batch_norm": "frozen"}
    for pooling, is_exact in (("none", True), ("global", False)):
        keras.utils.set_random_seed(0)
        model = narrow_model("vgg16", head, image_pooling=pooling, **options)
        whole, tiled = (deeplab_tf.Predictor(model, tile=tile) for tile in (None, 2049))
        assert tiled.grid.margin >= exact_margin(model, (1.0,))
        image = patches(41, 2600)[0]
        assert len(list(tiled.grid.tiles(*image.shape[:2]))) > 1
        found, wanted = tiled.predict_logits(image), whole.predict_logits(image)
        assert wanted.std() > 1e-3
        difference = np.abs(found - wanted).max() / wanted.std()
        assert (difference < 1e-4) == is_exact
        # The averages of two halves of the same image are much alike.
        assert difference < 0.5
