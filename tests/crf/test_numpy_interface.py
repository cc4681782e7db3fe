import sys

import numpy as np
import pydensecrf.densecrf as densecrf
import pytest
import tensorflow as tf

from deeplab_tf.crf import CrfParameters, mean_field
from deeplab_tf.crf.reference import reference_mean_field, softmax
from tests.crf.scenes import agreement, refine_eagerly, scene, total_variation

SIZE = (36, 52)
NORMALIZATIONS = {
    "none": densecrf.NO_NORMALIZATION,
    "before": densecrf.NORMALIZE_BEFORE,
    "after": densecrf.NORMALIZE_AFTER,
    "symmetric": densecrf.NORMALIZE_SYMMETRIC,
}


@pytest.fixture(params=["graph", "pydensecrf"])
def refine(request):
    """Both implementations have to pass the same tests."""

    def run(logits, image, **parameters):
        return mean_field(logits=logits, image=image, implementation=request.param, **parameters)

    run.implementation = request.param
    return run


@pytest.mark.slow
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"normalization": "symmetric"},
        {"normalization": "before"},
        {"bilateral_sigma_xy": 12, "bilateral_sigma_rgb": 5},
        {"bilateral_sigma_xy": 121, "bilateral_sigma_rgb": 10, "gaussian_sigma_xy": 3},
        {"bilateral_weight": 0},
        {"gaussian_weight": 0, "iterations": 3},
    ],
    ids=str,
)
def test_equals_mean_field_over_all_pairs(parameters):
    errors, changes = {"graph": [], "pydensecrf": []}, []
    for seed in range(3):
        image, logits = scene(*SIZE, seed)
        exact = reference_mean_field(logits, image, CrfParameters(**parameters))
        changes.append(total_variation(softmax(logits), exact))
        for implementation, found in errors.items():
            refined = refine_eagerly(logits, image, implementation=implementation, **parameters)
            found.append(total_variation(refined, exact))
            assert agreement(refined, exact) > 0.99, implementation
    for implementation, found in errors.items():
        # Known error of the permutohedral lattice on crops of this size: 0.004 to 0.014.
        assert np.mean(found) < 0.0035, implementation
        assert np.mean(changes) > 10 * np.mean(found), implementation


@pytest.mark.slow
def test_equals_mean_field_over_all_pairs_of_8x8(refine):
    errors = []
    for seed in range(8):
        image, logits = scene(8, 8, seed)
        wanted = reference_mean_field(logits, image, CrfParameters())
        errors.append(total_variation(refine(logits, image), wanted))
    assert np.mean(errors) < 0.002


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize("implementation", ["graph", "pydensecrf"])
def test_equals_direct_calls_of_pydensecrf(normalization, implementation):
    image, logits = scene(*SIZE, 3)
    crf = densecrf.DenseCRF2D(SIZE[1], SIZE[0], 5)
    crf.setUnaryEnergy(np.ascontiguousarray(-logits.reshape(-1, 5).T))
    kind = NORMALIZATIONS[normalization]
    scale = 0.01 if normalization == "none" else 1.0
    crf.addPairwiseGaussian(sxy=1.5, compat=3 * scale, normalization=kind)
    crf.addPairwiseBilateral(
        sxy=40, srgb=7, rgbim=image.copy(), compat=4 * scale, normalization=kind
    )
    direct = np.array(crf.inference(10)).reshape(5, *SIZE).transpose(1, 2, 0)
    ours = refine_eagerly(
        logits,
        image,
        implementation=implementation,
        gaussian_weight=3 * scale,
        gaussian_sigma_xy=1.5,
        bilateral_weight=4 * scale,
        bilateral_sigma_xy=40,
        bilateral_sigma_rgb=7,
        normalization=normalization,
        spatial_kernel="lattice",
    )
    if implementation == "pydensecrf":
        np.testing.assert_array_equal(ours, direct)
    assert total_variation(ours, direct) < 1e-5 and agreement(ours, direct) > 0.9999


@pytest.mark.slow
@pytest.mark.parametrize("implementation", ["graph", "pydensecrf"])
@pytest.mark.parametrize(
    "compatibility", [np.ones(5), 1 - np.eye(5), -np.eye(5)], ids=["vector", "matrix", "reward"]
)
def test_vector_and_matrix_of_ones_equal_potts(compatibility, implementation):
    image, logits = scene(*SIZE, 0)
    potts, other = (
        refine_eagerly(logits, image, implementation=implementation, **options)
        for options in ({}, {"compatibility": compatibility})
    )
    assert total_variation(other, potts) < 1e-5


@pytest.mark.slow
def test_positive_penalties_are_dislike():
    image, logits = scene(*SIZE, 1)
    matrix = np.array(1 - np.eye(5))
    matrix[0, 1] = matrix[1, 0] = 4.0
    for penalties in (np.array([0.5, 1.0, 1.5, 1.0, 0.2]), matrix):
        wanted = reference_mean_field(logits, image, CrfParameters(compatibility=penalties))
        for implementation in ("graph", "pydensecrf"):
            potts, refined = (
                refine_eagerly(logits, image, implementation=implementation, **options)
                for options in ({}, {"compatibility": penalties})
            )
            assert total_variation(refined, wanted) < 0.005, implementation
            assert total_variation(refined, potts) > 1e-4, implementation


@pytest.mark.slow
def test_dtype_and_memory_layout_do_not_matter(refine):
    image, logits = scene(*SIZE, 2)
    logits = np.round(logits * 8) / 8  # exact in float16
    wanted = refine(logits, image)
    frozen = logits.copy()
    frozen.flags.writeable = False
    for other_logits in (logits.astype(np.float64), logits.astype(np.float16), frozen):
        np.testing.assert_array_equal(refine(other_logits, image), wanted)
    mirrored = np.ascontiguousarray(image[:, ::-1])[:, ::-1]
    for other_image in (image.astype(np.float32), image.astype(np.int64), mirrored):
        np.testing.assert_array_equal(refine(logits, other_image), wanted)
    assert wanted.dtype == np.float32
    assert wanted.flags.c_contiguous
    np.testing.assert_allclose(wanted.sum(axis=-1), 1, atol=1e-5)


@pytest.mark.slow
def test_inputs_are_not_changed(refine):
    image, logits = scene(*SIZE, 2)
    copies = image.copy(), logits.copy()
    refine(logits, image)
    np.testing.assert_array_equal(image, copies[0])
    np.testing.assert_array_equal(logits, copies[1])


def test_probabilities_are_clipped_logits(refine):
    image, logits = scene(*SIZE, 0)
    probabilities = softmax(logits)
    options = {"image": image, "implementation": refine.implementation}
    refined = mean_field(probabilities=probabilities, **options)
    assert total_variation(refined, refine(logits, image)) < 1e-3
    hard = np.eye(5)[logits.argmax(axis=-1)]
    start = mean_field(probabilities=hard, iterations=0, clip=0.01, **options)
    np.testing.assert_allclose(start.max(axis=-1), 1 / 1.04, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 1), (2, 3)])
def test_tiny_images(size, refine):
    image, logits = scene(*size, 0)
    assert refine(logits, image).shape == (*size, 5)


@pytest.mark.parametrize("implementation", ["graph", "pydensecrf"])
def test_no_iterations_return_the_softmax(implementation):
    image, logits = scene(*SIZE, 0)
    refined = refine_eagerly(logits, image, implementation=implementation, iterations=0)
    np.testing.assert_allclose(refined, softmax(logits), atol=1e-6)


def test_wrong_inputs_are_clear_errors(refine):
    image, logits = scene(*SIZE, 0)
    with pytest.raises(ValueError, match="either logits= or probabilities="):
        mean_field(image=image)
    with pytest.raises(ValueError, match="from_probabilities"):
        refine(logits, image, from_probabilities=True)
    with pytest.raises(ValueError, match="nearest is 'iterations'"):
        refine(logits, image, iteration=3)
    with pytest.raises(ValueError, match=r"same height and width.*\(52, 36, 3\)"):
        refine(logits, image.transpose(1, 0, 2))
    with pytest.raises(ValueError, match="4 classes, but the logits have 5"):
        refine(logits, image, compatibility=[1, 1, 1, 1])
    with pytest.raises(ValueError, match="NaN"):
        refine(np.where(logits > 5, np.nan, logits), image)
    with pytest.warns(UserWarning, match=r"0\.\.1"):
        refine(logits, image / 255)


@pytest.mark.slow
def test_a_lattice_too_fine_for_its_numbers_is_an_error():
    image, logits = scene(*SIZE, 0)
    with pytest.raises(ValueError, match="gaussian_sigma_xy is too small for an image of 36x52"):
        mean_field(logits=logits, image=image, implementation="pydensecrf", gaussian_sigma_xy=1e-3)
    with pytest.raises(tf.errors.InvalidArgumentError, match="use larger sigmas"):
        mean_field(logits=logits, image=image, bilateral_sigma_xy=1e-4, bilateral_sigma_rgb=1e-4)


def test_a_missing_pydensecrf_names_the_extra(monkeypatch):
    image, logits = scene(*SIZE, 0)
    monkeypatch.setitem(sys.modules, "pydensecrf.densecrf", None)
    with pytest.raises(ImportError, match=r"deeplab_tf\[crf\].*3\.13"):
        mean_field(logits=logits, image=image, implementation="pydensecrf")
    assert mean_field(logits=logits, image=image).shape == logits.shape
