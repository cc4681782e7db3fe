"""The reference against loops over pixels and labels as the papers write them."""

import math

import numpy as np
import pytest

from deeplab_tf.crf import CrfParameters
from deeplab_tf.crf.reference import free_energy, reference_mean_field, softmax, weighted_kernels
from tests.crf.scenes import scene

SIZE = (2, 3)
VECTOR = (0.5, 2.0, 1.0)
# Penalties, and what label k costs beside label m; a matrix counts by its symmetric part.
COMPATIBILITIES = {
    "potts": ("potts", lambda k, m: float(k != m)),
    "vector": (VECTOR, lambda k, m: VECTOR[m] * (k != m)),
    "matrix": (
        ((0, 1, 2), (3, 0, 1), (0, 1, 0)),
        lambda k, m: ((0, 2, 1), (2, 0, 1), (1, 1, 0))[k][m],
    ),
}


def kernels_of(image, parameters):
    """Normalised kernels by the formula of Krähenbühl and Koltun, equation 3, pair by pair."""
    places = [(y, x) for y in range(SIZE[0]) for x in range(SIZE[1])]
    appearance, smoothness = np.zeros([2, 6, 6])
    for i, p in enumerate(places):
        for j, q in enumerate(places):
            distance = math.dist(p, q) ** 2
            color = sum((float(a) - float(b)) ** 2 for a, b in zip(image[p], image[q], strict=True))
            appearance[i, j] = math.exp(
                -distance / (2 * parameters.bilateral_sigma_xy**2)
                - color / (2 * parameters.bilateral_sigma_rgb**2)
            )
            smoothness[i, j] = math.exp(-distance / (2 * parameters.gaussian_sigma_xy**2))
    pairs = (parameters.bilateral_weight, appearance), (parameters.gaussian_weight, smoothness)
    return [weight * normalized(kernel, parameters.normalization) for weight, kernel in pairs]


def normalized(kernel, normalization):
    result = kernel.copy()
    for i in range(6):
        for j in range(6):
            rows, columns = sum(kernel[i]), sum(kernel[j])
            divisors = {"after": rows, "before": columns, "symmetric": math.sqrt(rows * columns)}
            result[i, j] /= divisors.get(normalization, 1.0)
    return result


@pytest.mark.parametrize("kind", COMPATIBILITIES)
@pytest.mark.parametrize("normalization", ["after", "symmetric", "before", "none"])
def test_is_the_sum_over_all_pixels_and_labels(normalization, kind):
    penalties, mu = COMPATIBILITIES[kind]
    parameters = CrfParameters(
        normalization=normalization, compatibility=penalties, iterations=2, bilateral_sigma_xy=2.0,
        bilateral_sigma_rgb=60.0, gaussian_sigma_xy=1.5, bilateral_weight=1.3, gaussian_weight=0.7,
    )  # fmt: skip
    image, logits = scene(*SIZE, 1, num_classes=3)
    kernels = kernels_of(image, parameters)
    flat = logits.reshape(6, 3).astype(float)
    q = softmax(flat)
    for _ in range(2):
        energies = np.zeros([6, 3])
        for i in range(6):
            for k in range(3):
                for m in range(3):
                    passed = sum(kernel[i, j] * q[j, m] for kernel in kernels for j in range(6))
                    energies[i, k] += mu(k, m) * passed
        q = softmax(flat - energies)
    np.testing.assert_allclose(weighted_kernels(image, parameters), kernels, rtol=1e-12)
    found = reference_mean_field(logits, image, parameters)
    np.testing.assert_allclose(found.reshape(6, 3), q, rtol=1e-10)


def test_free_energy_is_the_sum_over_all_pairs():
    parameters = CrfParameters(
        normalization="symmetric", bilateral_sigma_xy=2.0, bilateral_sigma_rgb=60.0
    )
    image, logits = scene(*SIZE, 1, num_classes=3)
    kernel, q = sum(kernels_of(image, parameters)), softmax(logits).reshape(6, 3).astype(float)
    wanted = (q * (np.log(q) - logits.reshape(6, 3))).sum()
    for i in range(6):
        for j in range(6):
            unlike = sum(q[i, k] * q[j, m] for k in range(3) for m in range(3) if k != m)
            wanted += 0.5 * kernel[i, j] * unlike
    assert free_energy(softmax(logits), logits, image, parameters) == pytest.approx(wanted)


def test_large_images_are_refused():
    with pytest.raises(ValueError, match=r"at most 16384 pixels; use .* Received: 128x129"):
        weighted_kernels(np.zeros([128, 129, 3], np.uint8), CrfParameters())
