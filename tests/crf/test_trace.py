import itertools

import numpy as np
import pytest

from deeplab_tf.crf import CrfParameters, mean_field
from deeplab_tf.crf.reference import free_energy, reference_mean_field, softmax
from tests.crf.scenes import refine_eagerly, scene, total_variation

SIZE = (20, 26)


@pytest.mark.slow
@pytest.mark.parametrize("compatibility", ["potts", "matrix"])
def test_objective_and_changes_are_those_of_every_prefix(compatibility):
    image, logits = scene(*SIZE, 0)
    options = {"normalization": "symmetric", "bilateral_sigma_xy": 20.0, "iterations": 4}
    if compatibility == "matrix":
        penalties = np.random.default_rng(0).uniform(0.5, 1.5, (5, 5)) * (1 - np.eye(5))
        options["compatibility"] = (penalties + penalties.T).tolist()
    parameters = CrfParameters(**options)
    refined, trace = mean_field(logits=logits, image=image, return_trace=True, **options)
    steps = [refine_eagerly(logits, image, **{**options, "iterations": n}) for n in range(5)]
    assert total_variation(refined, steps[-1]) < 1e-5
    labels = [step.argmax(axis=-1) for step in steps]
    changed = [np.count_nonzero(a != b) for a, b in itertools.pairwise(labels)]
    np.testing.assert_array_equal(trace.changed_labels, changed)
    assert changed[0] > 0
    # Potts is counted from the other end: a reward for like labels, W less for every pixel.
    energies = np.array([free_energy(step, logits, image, parameters) for step in steps])
    gained = trace.objective[0] - trace.objective
    np.testing.assert_allclose(gained[1:], energies[0] - energies[1:], rtol=0.02)
    assert (np.diff(trace.objective) < 0).all()


def test_no_step_gives_the_softmax():
    image, logits = scene(*SIZE, 0)
    refined, trace = mean_field(logits=logits, image=image, return_trace=True, iterations=0)
    np.testing.assert_allclose(refined, softmax(logits), atol=1e-6)
    assert trace.objective.shape == (1,) and trace.changed_labels.shape == (0,)


def test_end_is_near_that_of_all_pairs():
    image, logits = scene(*SIZE, 1)
    refined, _ = mean_field(logits=logits, image=image, return_trace=True)
    wanted = reference_mean_field(logits, image, CrfParameters())
    assert total_variation(refined, wanted) < 0.01


@pytest.mark.parametrize("changed", [{"mode": "fast"}, {"implementation": "pydensecrf"}])
def test_needs_the_exact_graph(changed):
    image, logits = scene(*SIZE, 0)
    with pytest.raises(ValueError, match="return_trace=True needs"):
        mean_field(logits=logits, image=image, return_trace=True, **changed)
