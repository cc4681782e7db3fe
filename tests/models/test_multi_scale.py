"""Multi-scale inputs: sizes and fusion as in the released networks of v2 (facts 1.5)."""

import numpy as np
import pytest

from tests.layers.interp import interp
from tests.models.narrow import (
    assert_same_logits,
    narrow_model,
    noise_images,
    with_mean_below_and_right,
)

pytestmark = pytest.mark.usefixtures("shallow")

SCALES = (1.0, 0.75, 0.5)
HEIGHT, WIDTH = 50, 70
# The next 32k + 1; three quarters and halves of these are 8k + 1 again.
PADDED = {1.0: (65, 97), 0.75: (49, 73), 0.5: (33, 49)}
# Backbone, head and pixels between its logits.
NETWORKS = [("vgg16", "large_fov", 8), ("resnet50", "v3plus", 4)]


@pytest.fixture(scope="module", params=NETWORKS, ids=str)
def network(request):
    return request.param


@pytest.fixture(scope="module")
def models(network):
    """The network at several scales and at one, with the same weights."""
    several = narrow_model(*network[:2], scales=SCALES)
    single = narrow_model(*network[:2])
    single.set_weights(several.get_weights())
    return several, single


@pytest.fixture(scope="module")
def grids(network):
    """Height and width of the logits of scale 1 and of scale 0.5."""
    return [tuple((side - 1) // network[2] + 1 for side in PADDED[scale]) for scale in (1.0, 0.5)]


@pytest.fixture(scope="module")
def by_hand(models):
    """Scores of every scale on its own grid, from three runs of the network at one scale."""
    padded = with_mean_below_and_right(noise_images(HEIGHT, WIDTH), *PADDED[1.0])
    runs = {}
    for scale, size in PADDED.items():
        shrunk = interp(padded, *size).astype(np.float32)
        runs[scale] = models[1].logit_maps(shrunk)[0].numpy()
    return runs


@pytest.fixture(scope="module")
def zoomed_by_hand(by_hand, grids):
    return np.stack([interp(by_hand[scale], *grids[0]) for scale in SCALES])


@pytest.mark.slow
def test_fused_logits_are_the_maximum(models, zoomed_by_hand, grids):
    fused = models[0].logit_maps(noise_images(HEIGHT, WIDTH))[0]
    assert fused.shape[1:3] == grids[0]
    assert_same_logits(fused, np.max(zoomed_by_hand, axis=0))
    # Every scale is the largest somewhere: none can be left out unnoticed.
    assert set(np.argmax(zoomed_by_hand, axis=0).ravel()) == {0, 1, 2}


@pytest.mark.slow
def test_logits_are_the_fused_logits_zoomed_and_cropped(models, zoomed_by_hand):
    wanted = interp(np.max(zoomed_by_hand, axis=0), *PADDED[1.0])[:, :HEIGHT, :WIDTH]
    assert_same_logits(models[0](noise_images(HEIGHT, WIDTH)), wanted)


@pytest.mark.slow
def test_maps_of_each_scale(models, by_hand, grids):
    """0.75 is trained on the grid of scale 1, 0.5 on its own."""
    _, full, three_quarters, half = models[0].logit_maps(noise_images(HEIGHT, WIDTH))
    assert_same_logits(full, by_hand[1.0])
    assert_same_logits(three_quarters, interp(by_hand[0.75], *grids[0]))
    assert half.shape[1:3] == grids[1]
    assert_same_logits(half, by_hand[0.5])


def test_half_is_every_second_pixel(models):
    several, single = models
    padded = with_mean_below_and_right(noise_images(HEIGHT, WIDTH), *PADDED[1.0])
    half = several.logit_maps(noise_images(HEIGHT, WIDTH))[-1]
    assert_same_logits(half, single.logit_maps(padded[:, ::2, ::2])[0])


@pytest.mark.slow
@pytest.mark.parametrize("size", [(33, 33), (50, 70), (129, 65)])
def test_logit_strides_match_the_maps(network, models, size):
    (several, single), stride = models, network[2]
    assert several.logit_strides == [stride, stride, stride, 2 * stride]
    assert single.logit_strides == [stride]
    for model, multiple in ((several, 32), (single, 8)):
        assert model.size_multiple == multiple
        padded = [side + (1 - side) % multiple for side in size]
        maps = model.logit_maps(noise_images(*size))
        for logits, stride in zip(maps, model.logit_strides, strict=True):
            assert logits.shape[1:3] == tuple((side - 1) // stride + 1 for side in padded)


@pytest.mark.parametrize(
    ("scales", "output_stride", "multiple", "strides"),
    [
        ((1.0, 0.5), 8, 16, [8, 8, 16]),
        ((1.0, 0.5, 0.25), 16, 64, [16, 16, 32, 64]),
        ((1.0, 0.75), 4, 16, [4, 4, 4]),
        ((1.0, 1 / 3), 8, 24, [8, 8, 24]),
    ],
)
def test_other_scales(scales, output_stride, multiple, strides):
    model = narrow_model(scales=scales, output_stride=output_stride, width=0.03)
    assert (model.size_multiple, model.logit_strides) == (multiple, strides)
    side = 2 * multiple + 1
    maps = model.logit_maps(noise_images(side, side))
    assert [m.shape[1] for m in maps] == [2 * multiple // stride + 1 for stride in strides]


def test_published_sizes():
    maps = narrow_model(scales=SCALES, width=0.02).logit_maps(noise_images(321, 321))
    assert [m.shape[1] for m in maps] == [41, 41, 41, 21]
