import dataclasses

import numpy as np
import pytest

from deeplab_tf.crf import CrfParameters
from deeplab_tf.crf.reference import softmax
from deeplab_tf.tuning.candidates import CandidateEvaluator, Example
from deeplab_tf.tuning.search import Candidate, Range, best_of, coarse_to_fine
from tests.crf.scenes import refine_eagerly, scene

pytestmark = pytest.mark.usefixtures("shallow_vgg")

SIZES = (30, 41), (33, 28), (30, 41)
CLASSES = 5
BASE = CrfParameters(iterations=4, gaussian_sigma_xy=2.0)
PLANTED = Candidate(3.0, 10.0, 16.0)


class Matches:
    """The share of equal pixels, in place of a confusion matrix."""

    def __init__(self):
        self.equal = self.all = 0

    def update(self, label, prediction):
        self.equal += np.sum(label == prediction)
        self.all += label.size

    def mean_iou(self):
        return self.equal / self.all


def refined(logits, image, parameters, candidate):
    """Labels by a mean field of its own."""
    parameters = dataclasses.replace(parameters, mode="fast", **candidate._asdict())
    return refine_eagerly(logits, image, **parameters.to_dict()).argmax(-1)


@pytest.fixture(scope="module")
def examples():
    """Scenes labelled by the CRF with planted parameters."""
    scenes = [scene(*size, seed) for seed, size in enumerate(SIZES)]
    return [Example(x, image, refined(x, image, BASE, PLANTED)) for image, x in scenes]


def evaluator(data, workers=2, parameters=BASE, **options):
    return CandidateEvaluator(data, CLASSES, parameters, Matches, workers, **options)


def compare_labels(parameters):
    image, logits = scene(30, 41, 0)
    group = [Candidate(w1, 12.0, 9.0) for w1 in (1.0, 4.0, 30.0)]
    maps = evaluator([], parameters=parameters).label_maps(logits, image, group)
    assert maps.dtype == np.uint8
    for labels, candidate in zip(maps, group, strict=True):
        assert np.mean(labels == refined(logits, image, parameters, candidate)) > 0.999
    assert np.mean(maps[0] != maps[2]) > 0.005


@pytest.mark.slow
def test_labels_are_those_of_one_run_after_the_other():
    compare_labels(BASE)


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    "changed",
    [
        {"normalization": "symmetric", "spatial_kernel": "lattice"},
        {"compatibility": (1.0, 1.0, 2.0, 1.0, 1.0), "gaussian_weight": 0.0},
    ],
)
def test_labels_with_other_parameters_are_too(changed):
    compare_labels(dataclasses.replace(BASE, **changed))


@pytest.mark.usefixtures("eager")
def test_probabilities_are_clipped_where_the_parameters_say_so():
    image, logits = scene(30, 41, 0)
    parameters = dataclasses.replace(BASE, from_probabilities=True, clip=0.05)
    candidate = Candidate(4.0, 12.0, 9.0)
    clipped = np.log(np.maximum(softmax(logits), 0.05)).astype(np.float32)
    wanted = refined(clipped, image, BASE, candidate)
    found = evaluator([], parameters=parameters).label_maps(logits, image, [candidate])[0]
    assert np.mean(found == wanted) > 0.999
    assert np.mean(found == refined(logits, image, BASE, candidate)) < 0.999


@pytest.mark.slow
def test_finds_a_planted_optimum(examples):
    evaluate = evaluator(examples)
    grid = Range(1, 7, 2), Range(2, 18, 4), Range(4, 40, 12)
    start = Candidate(7.0, 18.0, 40.0)

    def in_order(candidates):
        found = {}
        for group, results in evaluate(candidates):
            found.update(zip(group, results, strict=True))
        return [found[candidate] for candidate in candidates]

    mious = coarse_to_fine(in_order, start, grid, budget=40)
    assert mious[start] < 0.995
    assert best_of(mious) == PLANTED and mious[PLANTED] > 0.999
    assert evaluate._label_maps.experimental_get_tracing_count() == 1


@pytest.mark.slow
def test_results_do_not_depend_on_the_workers_and_groups_are_of_one_lattice(examples):
    candidates = [Candidate(w1, xy, 9.0) for w1 in (2.0, 4.0) for xy in (5.0, 15.0)]
    runs, results = [], []
    for workers in (1, 3):
        results.append(list(evaluator(examples, workers, progress=runs.append)(candidates)))
    assert results[0] == results[1]
    assert [group for group, _ in results[0]] == [
        [(2, 5, 9), (4, 5, 9)],
        [(2, 15, 9), (4, 15, 9)],
    ]
    assert sum(runs) == 2 * len(candidates) * len(examples)
    # The first of the first group and the second of the second.
    for number, (group, mious) in enumerate(results[0]):
        matches = Matches()
        for logits, image, label in examples:
            matches.update(label, refined(logits, image, BASE, group[number]))
        assert mious[number] == pytest.approx(matches.mean_iou(), abs=2e-3)
