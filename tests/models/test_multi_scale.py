"""Multi-scale inputs of v2: sizes and fusion as in the released networks (facts 1.5)."""

import numpy as np
import pytest

from tests.layers.interp import interp
from tests.models.narrow import (
    assert_same_logits,
    narrow_model,
    noise_images,
    with_mean_below_and_right,
)

SCALES = (1.0, 0.75, 0.5)
HEIGHT, WIDTH = 50, 70
# The next 32k + 1; three quarters and halves of these are 8k + 1 again.
PADDED = {1.0: (65, 97), 0.75: (49, 73), 0.5: (33, 49)}
GRID = (9, 13)


@pytest.fixture(scope="module", params=["vgg16", "resnet50"])
def models(request):
    """The network at several scales and at one, with the same weights."""
    several = narrow_model(request.param, scales=SCALES)
    single = narrow_model(request.param)
    single.set_weights(several.get_weights())
    return several, single


@pytest.fixture(scope="module")
def by_hand(models):
    """Scores of every scale on its own grid, from three runs of the network at one scale."""
    padded = with_mean_below_and_right(noise_images(HEIGHT, WIDTH), *PADDED[1.0])
    runs = {}
    for scale, size in PADDED.items():
        shrunk = interp(padded, *size).astype(np.float32)
        runs[scale] = models[1].logit_maps(shrunk)[0].numpy()
    return runs


def fused_by_hand(by_hand):
    return np.max([interp(by_hand[scale], *GRID) for scale in SCALES], axis=0)


@pytest.mark.slow
def test_fused_logits_are_the_maximum(models, by_hand):
    fused = models[0].logit_maps(noise_images(HEIGHT, WIDTH))[0]
    assert fused.shape[1:3] == GRID
    assert_same_logits(fused, fused_by_hand(by_hand))
    # Every scale is the largest somewhere: none can be left out unnoticed.
    zoomed = np.stack([interp(by_hand[scale], *GRID) for scale in SCALES])
    assert set(np.argmax(zoomed, axis=0).ravel()) == {0, 1, 2}


@pytest.mark.slow
def test_logits_are_the_fused_logits_zoomed_and_cropped(models, by_hand):
    wanted = interp(fused_by_hand(by_hand), *PADDED[1.0])[:, :HEIGHT, :WIDTH]
    assert_same_logits(models[0](noise_images(HEIGHT, WIDTH)), wanted)


def test_maps_of_each_scale(models, by_hand):
    """0.75 is trained on the grid of scale 1, 0.5 on its own."""
    _, full, three_quarters, half = models[0].logit_maps(noise_images(HEIGHT, WIDTH))
    assert_same_logits(full, by_hand[1.0])
    assert_same_logits(three_quarters, interp(by_hand[0.75], *GRID))
    assert half.shape[1:3] == (5, 7)
    assert_same_logits(half, by_hand[0.5])


def test_half_is_every_second_pixel(models):
    several, single = models
    padded = with_mean_below_and_right(noise_images(HEIGHT, WIDTH), *PADDED[1.0])
    half = several.logit_maps(noise_images(HEIGHT, WIDTH))[-1]
    assert_same_logits(half, single.logit_maps(padded[:, ::2, ::2])[0])


@pytest.mark.parametrize("size", [(33, 33), (50, 70), (129, 65)])
def test_logit_strides_match_the_maps(models, size):
    several, single = models
    assert several.logit_strides == [8, 8, 8, 16]
    assert single.logit_strides == [8]
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
