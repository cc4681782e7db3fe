"""Which labels and pixels are left out, and that this changes little."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.crf import CrfParameters
from deeplab_tf.crf.fast import prune
from deeplab_tf.crf.learnable import fixed_weights
from deeplab_tf.crf.reference import softmax
from deeplab_tf.crf.refine import build_mean_field
from tests.crf.scenes import agreement, refine_eagerly, scene, total_variation

SIZE = (30, 41)


def many_labels(seed, extra=16):
    """A scene with labels that are unlikely everywhere."""
    image, logits = scene(*SIZE, seed)
    rng = np.random.default_rng(seed)
    unlikely = logits.max(axis=-1, keepdims=True) - 8 + rng.normal(0, 0.3, (*SIZE, extra))
    return image, np.concatenate([unlikely, logits], axis=-1).astype(np.float32)


def live_marginals(image, logits, parameters):
    """Marginals [N, K] before any step, of the labels that are iterated on."""
    weights = fixed_weights(parameters, logits.shape[-1])
    problem = build_mean_field(tf.constant(logits), tf.cast(image, tf.float32), parameters, weights)
    return prune(problem, parameters, weights)[0].unary.marginals.numpy()


@pytest.mark.slow
@pytest.mark.parametrize("normalization", ["after", "symmetric", "before"])
def test_unlikely_labels_are_pruned_without_effect(normalization):
    image, logits = many_labels(0)
    parameters = CrfParameters(normalization=normalization)
    assert live_marginals(image, logits, parameters).shape[1] == 8  # five, filled up
    refined = refine_eagerly(logits, image, **parameters.to_dict())
    # A matrix that means the same as Potts is never pruned.
    full = dataclasses.replace(parameters, compatibility=tuple(map(tuple, 1 - np.eye(21))))
    wanted = refine_eagerly(logits, image, **full.to_dict())
    assert total_variation(refined, wanted) < 1e-5
    assert agreement(refined, wanted) == 1
    np.testing.assert_allclose(refined.sum(axis=-1), 1, atol=1e-5)
    np.testing.assert_allclose(refined[..., :16], wanted[..., :16], rtol=0.3, atol=1e-9)


def test_labels_are_kept_where_the_bound_does_not_hold():
    image, logits = many_labels(0)
    for changed in ({"normalization": "none"}, {"trainable": True}):
        assert live_marginals(image, logits, CrfParameters(**changed)).shape[1] == 21


def test_a_label_that_leads_a_pixel_is_kept():
    image, _ = scene(*SIZE, 0)
    flat = np.zeros((*SIZE, 100), np.float32)
    flat[3, 4, 50] = 0.01  # leads, at a hundredth
    assert live_marginals(image, flat, CrfParameters()).shape[1] == 100


def test_columns_fill_up_to_multiples_of_four():
    image, _ = scene(*SIZE, 0)
    for labels, columns in ((1, 8), (8, 8), (9, 12), (13, 16)):
        flat = np.zeros((*SIZE, labels), np.float32)
        start = live_marginals(image, flat, CrfParameters())
        assert start.shape[1] == columns and not start[:, labels:].any()


@pytest.mark.slow
def test_fast_mode_is_near_the_exact_one():
    distances, shares = [], []
    for seed in range(4):
        image, logits = scene(*SIZE, seed)
        exact, fast = (refine_eagerly(logits, image, mode=mode) for mode in ("exact", "fast"))
        distances.append(total_variation(exact, fast))
        shares.append(agreement(exact, fast))
        assert not np.array_equal(exact, fast)
    assert np.mean(distances) < 1e-3 and np.mean(shares) > 0.999


@pytest.mark.parametrize("labels", [25, 60])
def test_fast_mode_keeps_the_leading_label_of_unsure_pixels(labels):
    image, _ = scene(16, 20, 0)
    logits = 0.1 * np.random.default_rng(0).normal(size=[16, 20, labels]).astype(np.float32)
    options = {"bilateral_weight": 2.0, "gaussian_weight": 2.0}
    exact, fast = (
        refine_eagerly(logits, image, mode=mode, **options) for mode in ("exact", "fast")
    )
    assert exact.max() < 0.1  # no label ever leads by as much as others are pruned for
    assert total_variation(fast, exact) < 1e-4
    assert total_variation(softmax(logits), exact) > 5e-4
