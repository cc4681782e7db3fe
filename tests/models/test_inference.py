"""Fused logits against a literal reading in NumPy."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.models.inference import Inference
from deeplab_tf.models.scaling import checked_scales
from tests.layers.interp import interp
from tests.models.broken import break_on_white
from tests.models.narrow import (
    assert_same_logits,
    narrow_model,
    noise_images,
    with_mean_below_and_right,
)

pytestmark = pytest.mark.usefixtures("shallow_vgg")

SCALES = (0.75, 1.0, 1.25)
HEIGHT, WIDTH = 50, 70
# The next 32k + 1, and its sides at the three scales.
PADDED = (65, 97)
SIZES = {0.75: (49, 73), 1.0: PADDED, 1.25: (81, 121)}


@pytest.fixture(scope="module")
def model():
    return narrow_model()


@pytest.fixture(scope="module")
def passes(model):
    """Logits of every scale, as taken and mirrored, at the image's size."""
    padded = with_mean_below_and_right(noise_images(HEIGHT, WIDTH), *PADDED)
    passes = {}
    for scale, mirrored in itertools.product(SCALES, (False, True)):
        seen = interp(padded, *SIZES[scale]).astype(np.float32)
        if mirrored:
            seen = np.ascontiguousarray(np.flip(seen, axis=2))
        logits = model(seen).numpy()
        if mirrored:
            logits = np.flip(logits, axis=2)
        passes[scale, mirrored] = interp(logits, *PADDED)[:, :HEIGHT, :WIDTH]
    return passes


def fused_logits(model, images, *options, sizes=None, **named):
    return Inference(model, *options, **named).logits_and_finite(images, sizes)[0]


def softmax(logits):
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("known", [True, False])
def test_small_images_are_padded_to_a_side(model, known):
    """As those of 500x375 are to 513x513 when the released networks are tested."""
    images = noise_images(50, 120)
    wanted = model(with_mean_below_and_right(images, 97, 121)).numpy()[:, :50, :120]
    inference = Inference(model, pad_to=97)
    signature = tf.TensorSpec(images.shape if known else [None, None, None, 3], tf.uint8)
    compute = tf.function(inference.logits_and_finite, input_signature=[signature])
    assert_same_logits(compute(images)[0], wanted)
    assert_same_logits(inference.zoom(inference.grid_logits(images), 50, 120), wanted)
    plain = fused_logits(model, images)
    assert np.abs(plain - wanted).max() > 0.01  # the border sees the mean colour, not zeros
    assert_same_logits(fused_logits(model, images, pad_to=17), plain)


def test_a_padding_that_cannot_be():
    for side in (0, 5000):
        with pytest.raises(ValueError, match=f"pad_to must be from 1 to 4096. Received: {side}"):
            Inference(None, pad_to=side)


@pytest.mark.parametrize(("scales", "flip"), [(SCALES, True), (SCALES, False), ((0.75,), True)])
def test_mean_of_probabilities(model, passes, scales, flip):
    chosen = [softmax(passes[s, m]) for s in scales for m in (False, True)[: 1 + flip]]
    logits = fused_logits(model, noise_images(HEIGHT, WIDTH), scales, flip, "mean")
    assert logits.dtype == tf.float32
    np.testing.assert_allclose(np.exp(logits), np.mean(chosen, axis=0), atol=1e-4)
    # None can be left out unnoticed.
    assert min(np.abs(p - np.mean(chosen, axis=0)).max() for p in chosen) > 1e-2


@pytest.mark.parametrize(("scales", "flip"), [(SCALES, True), (SCALES, False), ((0.75,), True)])
def test_maximum_of_logits(model, passes, scales, flip):
    chosen = np.stack([passes[s, m] for s in scales for m in (False, True)[: 1 + flip]])
    logits = fused_logits(model, noise_images(HEIGHT, WIDTH), scales, flip, "max")
    assert_same_logits(logits, chosen.max(axis=0))
    assert set(chosen.argmax(axis=0).ravel()) == set(range(len(chosen)))


@pytest.mark.parametrize("fusion", ["mean", "max"])
def test_one_pass_gives_the_logits(model, passes, fusion):
    images = noise_images(HEIGHT, WIDTH)
    assert_same_logits(fused_logits(model, images, (0.75,), fusion=fusion), passes[0.75, False])
    np.testing.assert_array_equal(fused_logits(model, images, fusion=fusion), model(images))


def test_scales_of_the_model_come_on_top():
    """Three scales inside and a half of that outside: sides are 64k + 1."""
    model = narrow_model(scales=(1.0, 0.75, 0.5), width=0.05)
    padded = with_mean_below_and_right(noise_images(HEIGHT, WIDTH), 65, 129)
    half = model(interp(padded, 33, 65).astype(np.float32))
    half = interp(half.numpy(), 65, 129)[:, :HEIGHT, :WIDTH]
    whole = model(padded).numpy()[:, :HEIGHT, :WIDTH]
    logits = fused_logits(model, noise_images(HEIGHT, WIDTH), (1.0, 0.5), fusion="max")
    assert_same_logits(logits, np.maximum(whole, half))


def test_what_lies_outside_a_size_is_padding(model):
    whole = noise_images(64, 90)
    whole[:, :HEIGHT, :WIDTH] = noise_images(HEIGHT, WIDTH)
    logits = fused_logits(model, whole, SCALES, True, sizes=tf.constant([[HEIGHT, WIDTH]]))
    alone = fused_logits(model, noise_images(HEIGHT, WIDTH), SCALES, True)
    assert_same_logits(logits[:, :HEIGHT, :WIDTH], alone)


def test_certain_labels_have_finite_logits(model):
    bias = model.variables_by_name()["fc8/bias"]
    old = tf.convert_to_tensor(bias)
    bias.assign([0.0, 0.0, 1e5])
    logits = fused_logits(model, noise_images(9, 9), (1.0, 0.5), True).numpy()
    bias.assign(old)
    assert np.isfinite(logits).all()
    np.testing.assert_array_equal(np.argmax(logits, -1), 2)


@pytest.mark.slow
def test_the_graph_knows_its_shapes_and_holds_no_python(model):
    @tf.function(input_signature=[tf.TensorSpec([2, None, 70, 3], tf.uint8)])
    def logits(images):
        return fused_logits(model, images, (1.0, 0.5), True)

    function = logits.get_concrete_function()
    assert function.output_shapes.as_list() == [2, None, 70, 3]
    assert "PyFunc" not in str(function.graph.as_graph_def())


@pytest.mark.slow
def test_the_network_knows_of_one_image_that_it_is_one(model, monkeypatch):
    """Convolutions of one image are computed in another way (`compat.one_image_is_slow`)."""
    seen, logit_maps = [], model.logit_maps
    monkeypatch.setattr(model, "logit_maps", lambda x: seen.append(x.shape[0]) or logit_maps(x))
    image = tf.TensorSpec([1, None, None, 3], tf.uint8)
    logits = tf.function(lambda x: fused_logits(model, x, (1.0, 0.75), True), [image])
    logits.get_concrete_function()
    assert seen == [1] * 4


def test_grid_logits_zoomed_are_the_logits(model, passes):
    images = noise_images(HEIGHT, WIDTH)
    for scale, wanted in ((0.75, passes[0.75, False]), (1.0, model(images))):
        inference = Inference(model, [scale])
        grid = inference.grid_logits(images)
        assert grid.shape[1] * grid.shape[2] < HEIGHT * WIDTH / 40
        assert_same_logits(inference.zoom(grid, HEIGHT, WIDTH), wanted)


def test_the_zoom_does_not_ask_for_the_output_stride(model):
    """A decoder's logits lie denser than the features: every point is a logit of its own."""
    rng = np.random.default_rng(0)
    for stride in (4, 8):
        grid = rng.normal(size=[1, 64 // stride + 1, 96 // stride + 1, 3]).astype(np.float32)
        zoomed = model.zoom(grid, 65, 97)
        np.testing.assert_array_equal(zoomed[:, ::stride, ::stride], grid)


@pytest.mark.parametrize(
    "scales", [(), (0.0, 1.0), (-1.0,), (float("nan"),), (0.33, 0.7), (1, 1000)]
)
def test_other_scales_are_refused(scales):
    with pytest.raises(ValueError, match=r"simple fractions.*Received: scales"):
        checked_scales(scales)


def test_finite_is_told_image_by_image_whatever_is_fused():
    images = noise_images(HEIGHT, WIDTH, 3).copy()
    images[:, [0, 0, -1, -1], [0, -1, 0, -1]] = 0
    images[1, 0, 0] = 255
    broken = break_on_white(narrow_model())
    for options in ({}, {"scales": (1.0, 0.5)}, {"fusion": "max", "flip": True}):
        logits, finite = Inference(broken, **options).logits_and_finite(images)
        assert finite.numpy().tolist() == [True, False, True]
        np.testing.assert_array_equal(logits[0], fused_logits(broken, images, **options)[0])


def test_thousands_of_scales_are_refused():
    with pytest.raises(ValueError, match=r"1 to 32 .*Received: scales=5000 of them"):
        checked_scales([1.0] * 5000)
