"""Logits, probabilities and images that are wrong."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.crf import CrfParameters, mean_field
from deeplab_tf.crf.inputs import defined_values
from deeplab_tf.crf.reference import softmax
from deeplab_tf.crf.refine import batch_function
from deeplab_tf.layers.dense_crf import DenseCRF
from tests.crf.scenes import refine_eagerly, scene

SIZE = (16, 20)
INF = np.inf
UNDEFINED = [[INF, 0, 0, 0, 0], [0, np.nan, 0, 0, 0], [-INF] * 5, [INF, -INF, np.nan, 1, 2]]
VARIANTS = [
    {},
    {"mode": "fast"},
    {"normalization": "symmetric"},
    {"normalization": "before", "mode": "fast"},
    {"normalization": "none", "bilateral_weight": 0.01},
    {"compatibility": (1.0, 0.5, 1.0, 1.0, 2.0)},
    {"spatial_kernel": "lattice", "mode": "fast"},
    {"iterations": 0},
    {"implementation": "pydensecrf"},
]


@pytest.fixture(params=VARIANTS, ids=str)
def variant(request):
    return {"bilateral_sigma_xy": 20.0, "iterations": 4, **request.param}


def with_pixels(logits, pixels):
    """Puts pixels into the second column, top down, and one outside of the valid part."""
    changed = logits.copy()
    changed[1 : 1 + len(pixels), 1] = pixels
    changed[-1, -1] = pixels[0]
    return changed


@pytest.mark.slow
def test_undefined_pixels_count_as_uniform_ones(variant):
    image, logits = scene(*SIZE, 0)
    layer, images = DenseCRF(**variant), image[None]
    layer.compiled = False
    broken, uniform = with_pixels(logits, UNDEFINED), with_pixels(logits, np.zeros([4, 5]))
    wanted = layer((uniform[None], images)).numpy()
    np.testing.assert_array_equal(layer((broken[None], images)), wanted)
    np.testing.assert_allclose(wanted.sum(axis=-1), 1, atol=1e-5)

    part = {"valid": [[14, 18]]}
    wanted = layer((uniform[None], images), **part).numpy()
    np.testing.assert_array_equal(layer((broken[None], images), **part), wanted)
    np.testing.assert_allclose(wanted[0, -1, -1], 0.2)


@pytest.mark.slow
def test_minus_infinity_excludes_a_label(variant):
    image, logits = scene(*SIZE, 0)
    pixels = [[0, -INF, 1, 2, 0], [-INF, -INF, -INF, -INF, 3]]
    excluded, unlikely = (
        with_pixels(logits, np.maximum(pixels, lowest)) for lowest in (-INF, -1e4)
    )
    refined = refine_eagerly(excluded, image, **variant)
    np.testing.assert_array_equal(refined, refine_eagerly(unlikely, image, **variant))
    np.testing.assert_array_equal(refined[1, 1, 1], 0)
    np.testing.assert_allclose(refined.sum(axis=-1), 1, atol=1e-5)
    np.testing.assert_allclose(refined[2, 1], [0, 0, 0, 0, 1], atol=1e-6)


@pytest.mark.parametrize("trainable", [False, True])
@pytest.mark.parametrize("from_probabilities", [False, True])
def test_gradients_are_finite_and_those_of_uniform_pixels(trainable, from_probabilities):
    image, logits = scene(*SIZE, 0)
    values = softmax(logits) if from_probabilities else logits
    pixels = [*UNDEFINED, [0, -INF, 1, 2, 0]]
    uniform = [*np.zeros([4, 5]), [0, 0 if from_probabilities else -1e4, 1, 2, 0]]
    options = {"trainable": trainable, "from_probabilities": from_probabilities}
    layer = DenseCRF(iterations=2, **options)
    layer.compiled = False
    gradients = []
    for x in (with_pixels(values, pixels), with_pixels(values, uniform)):
        x = tf.constant(x[None], tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(x)
            refined = layer((x, image[None]))
            loss = tf.reduce_sum(refined * refined)
        gradients.append(tape.gradient(loss, [x, *layer.trainable_variables]))
    of_undefined = gradients[0][0][0, 1:5, 1]
    np.testing.assert_array_equal(of_undefined, np.zeros([4, 5]))
    assert all(np.isfinite(gradient).all() for gradient in gradients[0])
    np.testing.assert_allclose(gradients[0][0][0, 6:-1], gradients[1][0][0, 6:-1], atol=1e-6)


@pytest.mark.slow
def test_undefined_pixels_in_a_compiled_batch_of_unknown_sizes():
    image, logits = scene(*SIZE, 0)
    shapes = [tf.TensorSpec([None, None, None, n]) for n in (5, 3)]
    refine = tf.function(batch_function(CrfParameters(iterations=2)).python_function, shapes)
    batch = np.stack([with_pixels(logits, UNDEFINED), logits])
    uniform = np.stack([with_pixels(logits, np.zeros([4, 5])), logits])
    images = np.stack([image, image]).astype(np.float32)
    np.testing.assert_array_equal(refine(batch, images), refine(uniform, images))


def test_finite_values_stay_as_they_are():
    values = np.random.default_rng(0).normal(0, 1e30, [3, 4, 5]).astype(np.float32)
    np.testing.assert_array_equal(defined_values(tf.constant(values)), values)
    few = defined_values(tf.constant([[INF, 1.0], [-INF, 1.0], [2.0, 3.0]]))
    np.testing.assert_array_equal(few, [[0, 0], [-INF, 1], [2, 3]])


def test_an_excluded_label_keeps_the_objective_finite():
    image, logits = scene(*SIZE, 0)
    logits[3, 4, 1] = -INF
    _, trace = mean_field(logits=logits, image=image, return_trace=True, iterations=2)
    logits[3, 4, 1] = -1e4
    _, wanted = mean_field(logits=logits, image=image, return_trace=True, iterations=2)
    np.testing.assert_allclose(trace.objective, wanted.objective)


@pytest.mark.parametrize("implementation", ["graph", "pydensecrf"])
@pytest.mark.parametrize(
    ("pixel", "message"),
    [
        (UNDEFINED[0], "must not be NaN or infinity.*inf at row 2, column 3, channel 0"),
        (UNDEFINED[1], "must not be NaN or infinity.*nan at row 2, column 3, channel 1"),
        (UNDEFINED[2], "leave every pixel a label.*-inf at row 2, column 3.* first of 2 such"),
    ],
    ids=["infinity", "nan", "nothing"],
)
def test_wrong_logits_are_errors_that_say_where(implementation, pixel, message):
    image, logits = scene(*SIZE, 0)
    logits[2, 3] = logits[5, 1] = pixel
    with pytest.raises(ValueError, match=message):
        mean_field(logits=logits, image=image, implementation=implementation)


@pytest.mark.parametrize("implementation", ["graph", "pydensecrf"])
@pytest.mark.parametrize("value", [np.nan, INF, -INF, -0.1, 1.5, 7])
def test_wrong_probabilities_are_errors_that_say_where(implementation, value):
    image, logits = scene(*SIZE, 0)
    probabilities = softmax(logits)
    probabilities[2, 3, 4] = value
    with pytest.raises(ValueError, match=rf"0\.\.1.*: {value:g} at row 2, column 3, channel 4"):
        mean_field(probabilities=probabilities, image=image, implementation=implementation)
    with pytest.raises(ValueError, match=r"within 0\.\.1 \(give logits as such\)"):
        mean_field(probabilities=logits, image=image, implementation=implementation)


@pytest.mark.slow
def test_probabilities_of_zero_and_rounded_ones_are_fine():
    image, logits = scene(*SIZE, 0)
    probabilities = softmax(logits).astype(np.float16)
    probabilities[2, 3] = 0
    probabilities[4, 4] = [1.0005, 0, 0, 0, -1e-4]
    assert np.isfinite(mean_field(probabilities=probabilities, image=image)).all()


@pytest.mark.parametrize("value", [np.nan, INF, -INF])
def test_an_image_that_is_not_finite_is_an_error(value):
    image, logits = scene(*SIZE, 0)
    image = image.astype(np.float32)
    image[2, 3, 1] = value
    with pytest.raises(ValueError, match=f"{value:g} at row 2, column 3, channel 1"):
        mean_field(logits=logits, image=image)
    for options in ({}, {"implementation": "pydensecrf"}):
        layer = DenseCRF(**options)
        layer.compiled = False
        with pytest.raises(tf.errors.InvalidArgumentError, match="NaN or infinity"):
            layer((logits[None], image[None]))
        # Padding does not count.
        layer((logits[None], image[None]), valid=[[2, 20]])


@pytest.mark.parametrize("implementation", ["graph", "pydensecrf"])
def test_images_of_another_scale_are_noticed(implementation):
    image, logits = scene(*SIZE, 0)
    options = {"logits": logits, "implementation": implementation}
    with pytest.raises(ValueError, match=r"RGB 0\.\.255\. Received: uint16, values from \d+"):
        mean_field(image=image.astype(np.uint16) * 257, **options)
    with pytest.warns(UserWarning, match=r"looks scaled to 0\.\.1"):
        mean_field(image=image / 255, **options)
    with pytest.warns(UserWarning, match=r"looks scaled to -1\.\.1"):
        mean_field(image=image / 127.5 - 1, **options)
    # Only differences of colours count: without the mean, the same labels.
    shifted = mean_field(image=image - np.float32(123), **options)
    assert (shifted.argmax(-1) == mean_field(image=image, **options).argmax(-1)).mean() > 0.99


@pytest.mark.parametrize("implementation", ["graph", "pydensecrf"])
def test_dark_sixteen_bits_and_standardised_images_are_noticed(implementation):
    """What the widest range of RGB does not give away."""
    image, logits = scene(*SIZE, 0)
    options = {"logits": logits, "implementation": implementation}
    with pytest.raises(ValueError, match=r"RGB 0\.\.255\. Received: uint16, values from 0 to 300"):
        mean_field(
            image=np.linspace(0, 300, image.size).reshape(image.shape).astype("u2"), **options
        )
    standardised = (image / 255 - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    with pytest.warns(UserWarning, match=r"looks scaled to -\d\.\d+\.\.\d"):
        mean_field(image=standardised, **options)


@pytest.mark.parametrize("implementation", ["graph", "pydensecrf"])
def test_probabilities_given_as_logits_are_noticed(implementation):
    image, logits = scene(*SIZE, 0)
    with pytest.warns(UserWarning, match="logits look like probabilities"):
        mean_field(logits=softmax(logits), image=image, implementation=implementation)


def test_the_layer_warns_outside_of_graphs():
    image, logits = scene(*SIZE, 0)
    likely = softmax(logits).astype(np.float32)
    cases = [
        ({}, likely, image, "logits look like probabilities"),
        ({}, logits, (image / 255).astype(np.float32), r"looks scaled to 0\.\.1"),
        ({"from_probabilities": True}, logits, image, r"probabilities lie within .* clipped"),
    ]
    for options, values, colors, message in cases:
        layer = DenseCRF(iterations=1, **options)
        layer.compiled = False
        with pytest.warns(UserWarning, match=message):
            layer((values[None], colors[None]))
    for options, values in (({}, logits), ({"from_probabilities": True}, likely)):
        layer = DenseCRF(iterations=1, **options)
        layer.compiled = False
        layer((values[None], image[None]))  # a warning would be an error
