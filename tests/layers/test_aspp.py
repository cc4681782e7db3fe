import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.layers.aspp import ASPP

FEATURES = np.random.default_rng(0).uniform(size=(2, 9, 8, 6)).astype(np.float32)
SEEDS = tf.constant([[1, 2], [3, 4]])


def randomized(layer):
    layer(FEATURES)
    rng = np.random.default_rng(1)
    layer.set_weights([rng.normal(size=w.shape).astype(np.float32) for w in layer.get_weights()])
    return layer


@pytest.mark.parametrize("rates", [(2, 4, 8, 12), (6, 12, 18, 24)])
def test_vgg_form_sums_the_scores_of_its_branches(rates):
    layer = randomized(ASPP(5, rates, filters=7))
    total = 0
    for branch, rate in zip(layer.branches, rates, strict=True):
        fc6, b6, fc7, b7, fc8, b8 = branch.get_weights()
        # No average pool in front of fc6, no ReLU behind fc8.
        x = tf.nn.relu(tf.nn.atrous_conv2d(FEATURES, fc6, rate, "SAME") + b6)
        x = tf.nn.relu(tf.matmul(x, fc7[0, 0]) + b7)
        total += tf.matmul(x, fc8[0, 0]) + b8
    np.testing.assert_allclose(layer(FEATURES), total, rtol=1e-4, atol=1e-3)
    assert np.min(total) < 0


def test_resnet_form_sums_convolutions():
    layer = randomized(ASPP(5, filters=None))
    weights = [branch.get_weights() for branch in layer.branches]
    wanted = sum(
        tf.nn.atrous_conv2d(FEATURES, kernel, rate, "SAME") + bias
        for (kernel, bias), rate in zip(weights, (6, 12, 18, 24), strict=True)
    )
    np.testing.assert_allclose(layer(FEATURES), wanted, rtol=1e-4, atol=1e-4)
    assert len(layer.weights) == 8


def test_names_are_those_of_the_released_networks():
    def names(layer):
        return [[conv.name for conv in (*b.hidden, b.classifier)] for b in layer.branches]

    assert names(ASPP(5)) == [[f"fc{k}_{i}" for k in (6, 7, 8)] for i in (1, 2, 3, 4)]
    assert names(ASPP(5, filters=None)) == [["fc1_c0"], ["fc1_c1"], ["fc1_c2"], ["fc1_c3"]]


def test_branches_drop_different_activations():
    layer = randomized(ASPP(5, rates=(2, 2), filters=7))
    one, other = (branch.get_weights() for branch in layer.branches)
    layer.set_weights([*one, *one])
    logits = [b(FEATURES, training=True, seeds=SEEDS) for b in layer.branches]
    assert np.abs(logits[0] - logits[1]).max() > 1
    np.testing.assert_allclose(layer(FEATURES, training=True, seeds=SEEDS), sum(logits), rtol=1e-5)
    assert len(other) == 6
