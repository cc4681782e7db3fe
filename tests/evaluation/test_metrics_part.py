import copy

import pytest

from deeplab_tf.data.paths import DataError
from deeplab_tf.evaluation.metrics_part import checked_part
from tests.evaluation.shards import image_pairs, results_of

PAIRS = image_pairs(4)
GOOD = results_of(PAIRS, (1, 2), trimap="void", boundary=True)
NO_METRICS = "not a metrics.json of evaluate.py"


def changed(*path, value):
    """The good results with another value under a path of keys; None takes the key away."""
    results = copy.deepcopy(GOOD)
    place = results
    for key in path[:-1]:
        place = place[key]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return results


def test_the_counts_of_a_part_are_those_that_it_holds():
    part = checked_part("a.json", GOOD)
    kept = {key: GOOD[key] for key in part.stages[0].results(counts=True)}
    assert [stage.results(counts=True) for stage in part.stages] == [kept, GOOD["crf"]]


@pytest.mark.parametrize(
    "results",
    [
        [], 3, {}, {"images": 3}, {"per_class_iou": 3}, {"suite": "train"},
        changed("per_class_iou", value={}),
        changed("per_class_iou", value=[1, 2]),
        changed("absent", value="skip"),
        changed("crf", value=3),
        changed("crf", "absent", value="zero"),
        changed("trimap", value=3),
        changed("trimap", "from", value="edges"),
        changed("shard", value="1/2"),
        changed("shard", "number", value=0),
        changed("shard", "number", value=True),
        changed("shard", "shards", value=5),
        changed("shard", "names", value=None),
        changed("images", value=1),
        changed("images", value="2"),
        changed("seconds", value=-1),
        changed("seconds", value="long"),
    ],
)  # fmt: skip
def test_what_is_no_result_of_evaluate_is_refused(results):
    with pytest.raises(DataError, match=rf"^a\.json: {NO_METRICS}\.$"):
        checked_part("a.json", results)


ROWS = GOOD["confusion_matrix"]
RIMS = GOOD["boundary_pixels"]
BANDS = GOOD["trimap"]["confusion_matrices"]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("confusion_matrix",), ROWS[:3], "confusion_matrix is not 4 x 4 whole numbers"),
        (("confusion_matrix",), [*ROWS[:3], [1]], "confusion_matrix is not 4 x 4 whole"),
        (("confusion_matrix",), [*ROWS[:3], [1, 2, 3, -4]], "confusion_matrix is not"),
        (("confusion_matrix",), [*ROWS[:3], [1, 2, 3, 0.5]], "confusion_matrix is not"),
        (("confusion_matrix",), [*ROWS[:3], [1, 2, 3, "4"]], "confusion_matrix is not"),
        (("confusion_matrix",), [*ROWS[:3], [1, 2, 3, 2**63]], "confusion_matrix is not"),
        (("crf", "confusion_matrix"), 3, "confusion_matrix is not 4 x 4"),
        (("trimap", "confusion_matrices"), BANDS[:3], "trimap's confusion_matrices is not 40 x"),
        (("trimap", "confusion_matrices"), BANDS[::-1], "from width to width, is not 40 x 4 x 4"),
        (("trimap", "confusion_matrices"), None, NO_METRICS),
        (("boundary_pixels",), {**RIMS, "both": [1]}, "boundary_pixels' both is not 4 whole"),
        (("boundary_pixels",), {}, "boundary_pixels' labelled is not 4 whole"),
        (("boundary_pixels",), None, NO_METRICS),
    ],
)
def test_wrong_counts_are_refused(path, value, message):
    with pytest.raises(DataError, match=rf"^a\.json: .*{message}"):
        checked_part("a.json", changed(*path, value=value))


def test_what_an_older_version_wrote_is_refused():
    for stage in ((), ("crf",)):
        with pytest.raises(DataError, match=r"^a\.json: without counts .* older versions wrote"):
            checked_part("a.json", changed(*stage, "confusion_matrix", value=None))


def test_what_is_of_no_shard_is_refused():
    with pytest.raises(DataError, match=r"^a\.json: not of a shard; only what evaluate.py --shard"):
        checked_part("a.json", results_of(PAIRS))


def test_a_split_without_labels_has_nothing_to_merge():
    results = {"split": "test", "images": 2, "shard": GOOD["shard"], "seconds": 1.0}
    with pytest.raises(DataError, match=r"^a\.json: of a split without labels"):
        checked_part("a.json", results)
