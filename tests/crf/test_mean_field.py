"""The steps of the algorithm, with kernels that hold all pairs of pixels."""

import importlib
import inspect
import sys

import numpy as np
import pytest
import tensorflow as tf

import deeplab_tf
from deeplab_tf.crf import CrfParameters
from deeplab_tf.crf.mean_field import MeanField, Unary, local_update, transform_compatibility
from deeplab_tf.crf.reference import (
    compatibility,
    reference_mean_field,
    softmax,
    weighted_kernels,
)
from tests.crf.scenes import scene

VECTOR = (0.5, 1.0, 1.5, 1.0, 0.2)
MATRIX = tuple(map(tuple, np.random.default_rng(0).uniform(0, 1.5, (5, 5))))


def unary_of(logits):
    return Unary(tf.constant(logits), tf.nn.softmax(logits))


def kernel_of(matrix):
    matrix = tf.constant(matrix, tf.float32)
    return lambda values: [matrix @ values]


@pytest.mark.parametrize("penalties", ["potts", VECTOR, MATRIX], ids=["potts", "vector", "matrix"])
@pytest.mark.parametrize("normalization", ["after", "symmetric", "before", "none"])
def test_is_the_reference_with_kernels_of_all_pairs(normalization, penalties):
    image, logits = scene(12, 15, 0)
    scale = 0.05 if normalization == "none" else 1.0
    parameters = CrfParameters(
        normalization=normalization, compatibility=penalties, bilateral_sigma_xy=10.0,
        bilateral_weight=4 * scale, gaussian_weight=3 * scale, iterations=5,
    )  # fmt: skip
    kernels = [kernel_of(matrix) for matrix in weighted_kernels(image, parameters)]
    unary = unary_of(logits.reshape(-1, 5))
    problem = MeanField(unary, kernels, parameters.penalties(5))
    marginals, _ = problem.run(5)
    wanted = reference_mean_field(logits, image, parameters).reshape(-1, 5)
    np.testing.assert_allclose(marginals, wanted, atol=2e-5)
    assert np.abs(wanted - softmax(logits.reshape(-1, 5))).max() > 0.1


@pytest.mark.parametrize("penalties", ["potts", VECTOR, MATRIX], ids=["potts", "vector", "matrix"])
def test_transform_is_minus_mu_up_to_a_number_for_each_pixel(penalties):
    parameters = CrfParameters(compatibility=penalties)
    filtered = np.random.default_rng(1).random((7, 5)).astype(np.float32)
    found = transform_compatibility([filtered, filtered], parameters.penalties(5)).numpy()
    wanted = -2 * filtered @ compatibility(parameters, 5).T
    differences = found[:, 1:] - found[:, :1], wanted[:, 1:] - wanted[:, :1]
    np.testing.assert_allclose(*differences, atol=1e-5)


@pytest.mark.parametrize("is_bounded", [False, True])
def test_pruned_mass_counts_in_the_normalisation(is_bounded):
    logits = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)
    messages = np.random.default_rng(1).uniform(0, 3, (7, 5)).astype(np.float32)
    messages[:, 3:] = 0  # as pruned labels get none
    marginals = softmax(logits)
    live = marginals[:, :3]
    unary = Unary(np.log(live), live, marginals[:, 3:].sum(axis=1, keepdims=True), is_bounded)
    updated, factor = local_update(unary, messages[:, :3])
    wanted = softmax(logits + messages)
    np.testing.assert_allclose(updated, wanted[:, :3], rtol=1e-5)
    np.testing.assert_allclose(marginals[:, 3:] * factor, wanted[:, 3:], rtol=1e-5)


def test_large_messages_keep_the_numbers_finite():
    unary = unary_of(np.zeros((1, 3), np.float32))
    updated, _ = local_update(unary, tf.constant([[0.0, 500.0, -500.0]]))
    np.testing.assert_array_equal(updated, [[0, 1, 0]])


@pytest.mark.parametrize("first", ["mean_field", "fast", "refine", "trace", "numpy_interface"])
def test_of_module_and_function_of_one_name_the_package_has_the_function(monkeypatch, first):
    monkeypatch.setattr(deeplab_tf, "crf", deeplab_tf.crf)
    for name in [name for name in sys.modules if name.startswith("deeplab_tf.crf")]:
        monkeypatch.delitem(sys.modules, name)
    importlib.import_module(f"deeplab_tf.crf.{first}")
    assert inspect.ismodule(importlib.import_module("deeplab_tf.crf.mean_field"))
    assert inspect.isfunction(importlib.import_module("deeplab_tf.crf").mean_field)
