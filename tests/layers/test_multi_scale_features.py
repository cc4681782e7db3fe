import numpy as np
import tensorflow as tf

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
