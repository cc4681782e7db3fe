import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from deeplab_tf.crf.batch import batch_function
from deeplab_tf.crf.inference import MeanField, Weights

from deeplab_tf.crf import CrfParameters, mean_field
from deeplab_tf.crf.reference import softmax
from deeplab_tf.layers.dense_crf import DenseCRF
from tests.crf.scenes import agreement, scene, total_variation

SIZE = (30, 41)


def many_labels(seed, extra=16):
    """A scene with labels that are unlikely everywhere."""
    image, logits = scene(*SIZE, seed)
    rng = np.random.default_rng(seed)
    unlikely = logits.max(axis=-1, keepdims=True) - 8 + rng.normal(0, 0.3, (*SIZE, extra))
    return image, np.concatenate([unlikely, logits], axis=-1).astype(np.float32)


def problem(image, logits, parameters):
    weights = Weights(parameters.bilateral_weight, parameters.gaussian_weight)
    return MeanField(tf.constant(logits), tf.cast(image, tf.float32), parameters, weights)


@pytest.mark.parametrize("normalization", ["after", "symmetric", "before"])
def test_unlikely_labels_are_set_aside_without_effect(normalization):
    image, logits = many_labels(0)
    parameters = CrfParameters(normalization=normalization)
    assert problem(image, logits, parameters).start.shape[1] == 8  # five, filled up
    refined = mean_field(logits=logits, image=image, **parameters.to_dict())
    # A matrix that says the same as Potts is never pruned.
    full = dataclasses.replace(parameters, compatibility=tuple(map(tuple, 1 - np.eye(21))))
    wanted = mean_field(logits=logits, image=image, **full.to_dict())
    assert total_variation(refined, wanted) < 1e-5
    assert agreement(refined, wanted) == 1
    np.testing.assert_allclose(refined.sum(axis=-1), 1, atol=1e-5)
    np.testing.assert_allclose(refined[..., :16], wanted[..., :16], rtol=0.3, atol=1e-9)


def test_labels_are_kept_where_the_bound_does_not_hold():
    image, logits = many_labels(0)
    for changed in ({"normalization": "none"}, {"trainable": True}):
        assert problem(image, logits, CrfParameters(**changed)).start.shape[1] == 21


def test_a_label_that_leads_a_pixel_is_kept():
    image, _ = scene(*SIZE, 0)
    flat = np.zeros((*SIZE, 100), np.float32)
    flat[3, 4, 50] = 0.01  # leads, at a hundredth
    assert problem(image, flat, CrfParameters()).start.shape[1] == 100


def test_columns_fill_up_to_multiples_of_four():
    image, _ = scene(*SIZE, 0)
    for labels, columns in ((1, 8), (8, 8), (9, 12), (13, 16)):
        flat = np.zeros((*SIZE, labels), np.float32)
        start = problem(image, flat, CrfParameters()).start.numpy()
        assert start.shape[1] == columns and not start[:, labels:].any()


@pytest.mark.parametrize("labels", [33, 60])
@pytest.mark.parametrize("mode", ["exact", "fast"])
def test_many_live_labels_are_filtered_in_groups(labels, mode):
    image, logits = scene(*SIZE, 0, num_classes=labels)
    parameters = CrfParameters(compatibility=tuple(np.ones(labels)), mode=mode)
    known = mean_field(logits=logits, image=image, **parameters.to_dict())
    single = mean_field(logits=logits, image=image, implementation="pydensecrf")
    assert total_variation(known, single) < (2e-3 if mode == "exact" else 5e-3)
    unknown = tf.function(
        batch_function(CrfParameters(mode=mode)).python_function,
        input_signature=[
            tf.TensorSpec([None, None, None, None]),
            tf.TensorSpec([None, None, None, 3]),
        ],
    )
    prediction = unknown(logits[None], image[None].astype(np.float32))[0].numpy()
    assert total_variation(known, prediction) < 1e-4


def test_fast_mode_is_near_the_exact_one():
    distances, shares = [], []
    for seed in range(4):
        image, logits = scene(*SIZE, seed)
        exact = mean_field(logits=logits, image=image)
        fast = mean_field(logits=logits, image=image, mode="fast")
        distances.append(total_variation(exact, fast))
        shares.append(agreement(exact, fast))
        assert not np.array_equal(exact, fast)
    assert np.mean(distances) < 1e-3 and np.mean(shares) > 0.999


def loss_of(parameters, image, target, logits, learned):
    problem = MeanField(logits, tf.cast(image, tf.float32), parameters, learned)
    return tf.reduce_sum(problem.refine() * target)


@pytest.mark.parametrize("spatial_kernel", ["lattice", "separable"])
def test_gradients_equal_finite_differences(spatial_kernel):
    image, logits = scene(7, 9, 0, num_classes=3)
    logits = tf.constant(0.3 * logits)  # unsure, so that float32 sees the differences
    rng = np.random.default_rng(0)
    target = tf.constant(rng.normal(size=logits.shape), tf.float32)
    parameters = CrfParameters(trainable=True, iterations=3, spatial_kernel=spatial_kernel)
    penalties = tf.constant(1 - np.eye(3) + 0.2 * rng.random((3, 3)), tf.float32)
    inputs = [logits, tf.constant(0.8), tf.constant(0.6), penalties]

    def loss(inputs):
        return loss_of(parameters, image, target, inputs[0], Weights(*inputs[1:]))

    with tf.GradientTape() as tape:
        tape.watch(inputs)
        value = loss(inputs)
    gradients = tape.gradient(value, inputs)
    for i, (x, gradient) in enumerate(zip(inputs, gradients, strict=True)):
        direction = tf.constant(rng.normal(size=x.shape), tf.float32)
        step = 1e-2
        ends = [loss([*inputs[:i], x + s * step * direction, *inputs[i + 1 :]]) for s in (1, -1)]
        slope = (ends[0] - ends[1]) / (2 * step)
        np.testing.assert_allclose(tf.reduce_sum(gradient * direction), slope, rtol=0.02, atol=1e-3)


def test_learning_from_wrong_weights_improves_other_images():
    def sample(seed):
        image, logits = scene(20, 24, seed)
        truth = logits.argmax(axis=-1)
        noisy = logits + np.random.default_rng(seed).normal(0, 3.0, logits.shape)
        return image, noisy.astype(np.float32), truth

    samples = [sample(seed) for seed in range(8)]
    parts = [tf.constant(np.stack(part)) for part in zip(*samples, strict=True)]
    train, held_out = [part[:4] for part in parts], [part[4:] for part in parts]
    layer = DenseCRF(
        trainable=True,
        bilateral_weight=0.1,
        gaussian_weight=0.1,
        bilateral_sigma_xy=10.0,
        bilateral_sigma_rgb=15.0,
        iterations=3,
    )

    @tf.function
    def loss(images, logits, truths):
        marginals = layer((logits, images))
        one_hot = tf.one_hot(truths, 5)
        return -tf.reduce_mean(tf.math.log(tf.reduce_sum(marginals * one_hot, -1) + 1e-6))

    before = float(loss(*held_out))
    for _ in range(12):
        with tf.GradientTape() as tape:
            value = loss(*train)
        variables = layer.trainable_variables
        for variable, gradient in zip(variables, tape.gradient(value, variables), strict=True):
            variable.assign(variable - 0.5 * gradient)
    assert len(variables) == 3
    assert float(loss(*held_out)) < 0.8 * before


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (4, 6), (5, 7), (16, 16)])
@pytest.mark.parametrize("mode", ["exact", "fast"])
def test_a_graph_of_known_small_size(size, mode):
    image, logits = scene(*size, 0)
    parameters = CrfParameters(mode=mode)
    shapes = [tf.TensorSpec([1, *size, n]) for n in (5, 3)]
    compiled = batch_function.__wrapped__(parameters).get_concrete_function(*shapes)
    refined = compiled(tf.constant(logits[None]), tf.constant(image[None], tf.float32))[0].numpy()
    reference = mean_field(logits=logits, image=image, implementation="pydensecrf")
    assert total_variation(refined, reference) < 0.02
    np.testing.assert_allclose(refined.sum(axis=-1), 1, atol=1e-5)


@pytest.mark.parametrize("labels", [25, 60])
def test_fast_mode_keeps_the_leading_label_of_unsure_pixels(labels):
    image, _ = scene(16, 20, 0)
    logits = 0.1 * np.random.default_rng(0).normal(size=[16, 20, labels]).astype(np.float32)
    options = {"bilateral_weight": 2.0, "gaussian_weight": 2.0}
    exact, fast = (
        mean_field(logits=logits, image=image, mode=mode, **options) for mode in ("exact", "fast")
    )
    assert exact.max() < 0.1  # no label ever leads by as much as others are set aside for
    assert total_variation(fast, exact) < 1e-4
    assert total_variation(softmax(logits), exact) > 5e-4


def test_an_empty_image_stays_empty():
    assert mean_field(logits=np.zeros([0, 5, 3]), image=np.zeros([0, 5, 3])).shape == (0, 5, 3)


def test_without_any_kernel_the_softmax_is_returned():
    image, logits = scene(*SIZE, 0)
    refined = mean_field(logits=logits, image=image, bilateral_weight=0, gaussian_weight=0)
    np.testing.assert_allclose(refined, softmax(logits), atol=1e-6)


def test_messages_of_any_size_keep_the_numbers_finite():
    image, logits = scene(*SIZE, 0)
    for penalties in (1 - np.eye(5), 1 + np.eye(5), -np.ones((5, 5))):
        refined = mean_field(
            logits=logits,
            image=image,
            normalization="none",
            bilateral_weight=50.0,
            compatibility=penalties.tolist(),
        )
        np.testing.assert_allclose(refined.sum(axis=-1), 1, atol=1e-5)
