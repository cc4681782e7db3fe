"""One image and a batch of them in the graph, gradients included."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.crf import CrfParameters, mean_field
from deeplab_tf.crf.learnable import Weights
from deeplab_tf.crf.reference import softmax
from deeplab_tf.crf.refine import batch_function, refine_image
from deeplab_tf.layers.dense_crf import DenseCRF
from tests.crf.scenes import refine_eagerly, scene, total_variation

SIZE = (30, 41)


@pytest.mark.slow
@pytest.mark.parametrize("labels", [33, 60])
@pytest.mark.parametrize("mode", ["exact", "fast"])
def test_many_live_labels_are_filtered_in_groups(labels, mode):
    image, logits = scene(*SIZE, 0, num_classes=labels)
    parameters = CrfParameters(compatibility=tuple(np.ones(labels)), mode=mode)
    refined = refine_eagerly(logits, image, **parameters.to_dict())
    wanted = mean_field(logits=logits, image=image, implementation="pydensecrf")
    assert total_variation(refined, wanted) < (2e-3 if mode == "exact" else 5e-3)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["exact", "fast"])
def test_a_graph_of_unknown_sizes_and_labels(mode):
    image, logits = scene(*SIZE, 0, num_classes=33)
    shapes = [tf.TensorSpec([None, None, None, n]) for n in (None, 3)]
    refine = tf.function(batch_function(CrfParameters(mode=mode)).python_function, shapes)
    refined = refine(logits[None], image[None].astype(np.float32))[0].numpy()
    assert total_variation(refined, refine_eagerly(logits, image, mode=mode)) < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "size"), [("exact", (5, 7)), ("fast", (1, 1))])
def test_a_graph_of_known_small_size(size, mode):
    image, logits = scene(*size, 0)
    shapes = [tf.TensorSpec([1, *size, n]) for n in (5, 3)]
    refine = batch_function.__wrapped__(CrfParameters(mode=mode)).get_concrete_function(*shapes)
    refined = refine(tf.constant(logits[None]), tf.constant(image[None], tf.float32))[0].numpy()
    reference = mean_field(logits=logits, image=image, implementation="pydensecrf")
    assert total_variation(refined, reference) < 0.02
    np.testing.assert_allclose(refined.sum(axis=-1), 1, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("spatial_kernel", ["lattice", "separable"])
def test_gradients_equal_finite_differences(spatial_kernel):
    image, logits = scene(7, 9, 0, num_classes=3)
    image = tf.cast(image, tf.float32)
    logits = tf.constant(0.3 * logits)  # unsure, so that float32 sees the differences
    rng = np.random.default_rng(0)
    target = tf.constant(rng.normal(size=logits.shape), tf.float32)
    parameters = CrfParameters(trainable=True, iterations=3, spatial_kernel=spatial_kernel)
    penalties = tf.constant(1 - np.eye(3) + 0.2 * rng.random((3, 3)), tf.float32)
    inputs = [logits, tf.constant(0.8), tf.constant(0.6), penalties]

    def loss(inputs):
        refined = refine_image(inputs[0], image, parameters, Weights(*inputs[1:]))
        return tf.reduce_sum(refined * target)

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


@pytest.mark.slow
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


@pytest.mark.slow
def test_an_empty_image_stays_empty():
    assert mean_field(logits=np.zeros([0, 5, 3]), image=np.zeros([0, 5, 3])).shape == (0, 5, 3)


def test_without_any_kernel_the_softmax_is_returned():
    image, logits = scene(*SIZE, 0)
    refined = refine_eagerly(logits, image, bilateral_weight=0, gaussian_weight=0)
    np.testing.assert_allclose(refined, softmax(logits), atol=1e-6)


def test_messages_of_any_size_keep_the_numbers_finite():
    image, logits = scene(*SIZE, 0)
    for penalties in (1 - np.eye(5), 1 + np.eye(5), -np.ones((5, 5))):
        refined = refine_eagerly(
            logits, image, normalization="none", bilateral_weight=50.0, compatibility=penalties
        )
        np.testing.assert_allclose(refined.sum(axis=-1), 1, atol=1e-5)
