import numpy as np
import pytest
import tensorflow as tf
from scipy.interpolate import interp1d

from deeplab_tf.layers.multi_scale_features import MultiScaleBranch, MultiScaleFeatures

STRIDES = (8, 4, 2, 1, 1)
SEEDS = tf.constant([[1, 2], [3, 4]])


def maps(height=17, width=33):
    """The image and pool1 to pool4 of a backbone of output stride 8."""
    rng = np.random.default_rng(0)
    return [
        rng.normal(size=(2, (height - 1) // s + 1, (width - 1) // s + 1, channels)).astype("f")
        for s, channels in zip((1, 2, 4, 8, 8), (3, 4, 5, 6, 7), strict=True)
    ]


def randomized(layer, inputs):
    layer(inputs)
    rng = np.random.default_rng(1)
    layer.set_weights([rng.normal(size=w.shape).astype(np.float32) for w in layer.get_weights()])
    return layer


def zoomed(logits, size):
    """Interpolates between aligned corners, along one side after the other."""
    for axis, side in zip((1, 2), size, strict=True):
        places = np.linspace(0, logits.shape[axis] - 1, side)
        logits = interp1d(np.arange(logits.shape[axis]), logits, axis=axis)(places)
    return logits


def recomputed(weights, x, stride, drops=(lambda x: x, lambda x: x)):
    kernel_1, bias_1, kernel_2, bias_2, classifier, bias = weights
    padded = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
    x = drops[0](tf.nn.relu(tf.nn.conv2d(padded, kernel_1, stride, "VALID") + bias_1))
    x = drops[1](tf.nn.relu(tf.matmul(x, kernel_2[0, 0]) + bias_2))
    return tf.matmul(x, classifier[0, 0]) + bias


def test_sums_the_scores_of_five_branches():
    inputs = maps()
    layer = randomized(MultiScaleFeatures(5, STRIDES, filters=7), inputs)
    wanted = sum(
        recomputed(branch.get_weights(), x, stride)
        for branch, x, stride in zip(layer.branches, inputs, STRIDES, strict=True)
    )
    logits = layer(inputs)
    assert logits.shape == (2, 3, 5, 5)
    np.testing.assert_allclose(logits, wanted, rtol=1e-4, atol=1e-3)


def test_zoomed_it_is_computed_at_every_point_of_every_map():
    inputs = maps()
    layer = randomized(MultiScaleFeatures(5, STRIDES, filters=7), inputs)
    size = inputs[0].shape[1:3]
    wanted = sum(
        zoomed(recomputed(branch.get_weights(), x, 1), size)
        for branch, x in zip(layer.branches, inputs, strict=True)
    )
    logits = layer(inputs, zoom_to=size)
    assert logits.shape == (2, *size, 5)
    np.testing.assert_allclose(logits, wanted, rtol=1e-4, atol=1e-3)


def test_of_the_image_and_pool1_the_grid_is_a_part_of_what_is_predicted():
    """Stride 8 of training takes every eighth point of what stride 1 computes."""
    x = maps()[0]
    branch = randomized(MultiScaleBranch(5, 8, filters=7, name="msc0"), x)
    np.testing.assert_allclose(branch(x, dense=True)[:, ::8, ::8], branch(x), rtol=1e-4, atol=1e-3)


def test_dropout_after_both_convolutions():
    x = maps()[0]
    branch = randomized(MultiScaleBranch(5, 8, filters=7, name="msc0"), x)
    drops = [
        lambda x, layer=layer: x * layer(tf.ones_like(x), training=True, seeds=SEEDS)
        for layer in branch.dropouts
    ]
    wanted = recomputed(branch.get_weights(), x, 8, drops)
    found = branch(x, training=True, seeds=SEEDS)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-3)
    assert np.abs(found - branch(x)).max() > 1


def test_released_start():
    """Gaussians of these deviations; the classifier of pool3 has no filler, so zeros."""
    layer = MultiScaleFeatures(500, STRIDES, filters=128, start="released")
    layer(maps())
    for i, branch in enumerate(layer.branches):
        found = [np.std(conv.kernel) for conv in (*branch.convs, branch.classifier)]
        wanted = (0.001, 0.005 if i == 4 else 0.001, 0.0 if i == 3 else 0.01)
        np.testing.assert_allclose(found, wanted, rtol=0.05)
    with pytest.raises(ValueError, match="start must be one of"):
        MultiScaleFeatures(5, start="zeros")


def test_names():
    layer = MultiScaleFeatures(5)
    assert layer.strides == STRIDES
    for i, branch in enumerate(layer.branches):
        names = [sub.name for sub in (*branch.convs, branch.classifier, *branch.dropouts)]
        parts = ("conv1", "conv2", "fc8", "drop1", "drop2")
        assert names == [f"msc{i}_{part}" for part in parts]


def test_scores_are_float32_under_mixed_precision():
    layer = MultiScaleFeatures(5, STRIDES, filters=7, dtype="mixed_float16")
    assert layer(maps()).dtype == tf.float32
    assert layer.branches[0].convs[0].compute_dtype == "float16"
