import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.layers.dropout import ExampleDropout

SEEDS = tf.constant([[1, 2], [3, 4], [5, 6], [-(2**31), 2**31 - 1]])
ONES = tf.ones([4, 6, 7, 8])


def dropped(layer, inputs=ONES, seeds=SEEDS):
    return layer(inputs, training=True, seeds=seeds).numpy()


def test_same_seed_same_mask_whatever_the_batch():
    layer = ExampleDropout(0.4, name="drop6")
    together = dropped(layer)
    np.testing.assert_array_equal(dropped(layer), together)
    for i in range(4):
        alone = dropped(layer, ONES[i : i + 1], SEEDS[i : i + 1])
        np.testing.assert_array_equal(alone[0], together[i])
    turned = dropped(layer, ONES[::-1], SEEDS[::-1])
    np.testing.assert_array_equal(turned[::-1], together)


def test_examples_and_layers_differ():
    masks = [*dropped(ExampleDropout(0.5, name="drop6"))]
    masks += [*dropped(ExampleDropout(0.5, name="drop7"))]
    masks += [*dropped(ExampleDropout(0.5, name="drop6_1"))]
    for i, one in enumerate(masks):
        for other in masks[:i]:
            # Independent masks agree in half of the places.
            assert 0.35 < (one == other).mean() < 0.65


def test_the_name_decides_in_every_process():
    """Python's own hash of a string would change from process to process."""
    mask = dropped(ExampleDropout(0.5, name="drop6"), tf.ones([1, 12]), SEEDS[:1])
    uniform = tf.random.stateless_uniform([12], [1, 2 + NAME_HASH])
    np.testing.assert_array_equal(mask[0], 2.0 * (uniform.numpy() >= 0.5))


# sum(ord(c) * 31**(4 - i)) % 65521 of "drop6"
NAME_HASH = (100 * 31**4 + 114 * 31**3 + 111 * 31**2 + 112 * 31 + 54) % 65521


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_keeps_the_expected_value(rate):
    values = dropped(ExampleDropout(rate), tf.ones([4, 20, 20, 30]))
    assert set(np.unique(values).tolist()) <= {0.0, np.float32(1 / (1 - rate)).item()}
    assert abs((values == 0).mean() - rate) < 0.01
    assert abs(values.mean() - 1) < 0.05


def test_does_nothing_outside_training():
    inputs = tf.random.stateless_normal([4, 3, 3, 2], [1, 2])
    layer = ExampleDropout(0.5)
    np.testing.assert_array_equal(layer(inputs), inputs)
    np.testing.assert_array_equal(layer(inputs, training=False, seeds=SEEDS), inputs)
    np.testing.assert_array_equal(ExampleDropout(0.0)(inputs, training=True), inputs)


def test_without_seeds_the_global_generator_decides():
    layer = ExampleDropout(0.5)
    tf.random.set_seed(7)
    first, second = (layer(ONES, training=True).numpy() for _ in range(2))
    assert (first != second).any()
    tf.random.set_seed(7)
    np.testing.assert_array_equal(layer(ONES, training=True), first)


def test_gradient_passes_through_the_mask():
    layer = ExampleDropout(0.5)
    with tf.GradientTape() as tape:
        tape.watch(ONES)
        outputs = layer(ONES, training=True, seeds=SEEDS)
    np.testing.assert_array_equal(tape.gradient(outputs, ONES), outputs)


def test_half_precision_has_the_same_mask():
    wanted = dropped(ExampleDropout(0.5, name="drop6"))
    half = dropped(ExampleDropout(0.5, name="drop6", dtype="float16"), tf.cast(ONES, tf.float16))
    assert half.dtype == np.float16
    np.testing.assert_array_equal(half, wanted)


def test_rates_that_are_none():
    for rate in (-0.1, 1.0):
        with pytest.raises(ValueError, match=r"rate must lie in \[0, 1\).*Received"):
            ExampleDropout(rate)
