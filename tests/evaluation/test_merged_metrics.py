import json

import pytest

from deeplab_tf.data.paths import DataError
from deeplab_tf.evaluation.merged_metrics import merge_metrics
from tests.evaluation.shards import all_shards, image_pairs, results_of

PAIRS = image_pairs(7)


@pytest.mark.parametrize("crf", [True, False])
@pytest.mark.parametrize("shards", [1, 3, 7])
@pytest.mark.parametrize(
    "measures",
    [{}, {"trimap": "void", "boundary": True}, {"trimap": "label_edges", "absent": "zero"}],
)
def test_merged_results_are_those_of_the_whole_split(crf, shards, measures):
    parts = all_shards(PAIRS, shards, crf=crf, **measures)
    whole = results_of(PAIRS, crf=crf, **measures)
    merged = merge_metrics(json.loads(json.dumps(parts))[::-1])
    assert merged == whole and list(merged) == list(whole)


def test_parts_are_left_as_they_are():
    parts = all_shards(PAIRS, 2)
    before = json.dumps(parts)
    assert merge_metrics(parts) == merge_metrics(parts)
    assert json.dumps(parts) == before


def test_results_without_the_name_of_a_split_are_merged_too():
    parts = all_shards(PAIRS, 2)
    whole = results_of(PAIRS)
    for results in (*parts, whole):
        del results["split"]
    assert merge_metrics(parts) == whole


def test_missing_shards_are_named():
    parts = all_shards(PAIRS, 5)
    with pytest.raises(DataError, match=r"^2 of 5 shards are missing: 2/5, 4/5\.$"):
        merge_metrics([parts[4], parts[0], parts[2]])


def test_nothing_to_merge():
    with pytest.raises(DataError, match="no metrics to merge"):
        merge_metrics([])


def test_the_same_shard_twice_is_named_with_both_files():
    parts = all_shards(PAIRS, 3)
    with pytest.raises(DataError, match=r"^a\.json and c\.json are both shard 1/3\.$"):
        merge_metrics([parts[0], parts[1], parts[0]], ["a.json", "b.json", "c.json"])


def renamed(results, **names):
    """The results with other names of classes."""
    text = json.dumps(results)
    for old, new in names.items():
        text = text.replace(f'"{old}"', f'"{new}"')
    return json.loads(text)


FIRST, SECOND = all_shards(PAIRS, 2)
OTHERS = {
    "split: train and val": {**SECOND, "split": "train"},
    "classes: background, cat, cow, absent and background, cat, dog, ab": renamed(
        SECOND, dog="cow"
    ),
    "the rule for absent classes: zero and exclude": results_of(PAIRS, (2, 2), absent="zero"),
    "contours of trimaps: void and None": results_of(PAIRS, (2, 2), trimap="void"),
    "whether there is a boundary IoU: True and False": results_of(PAIRS, (2, 2), boundary=True),
    "whether there is a CRF: False and True": results_of(PAIRS, (2, 2), crf=False),
    "the number of shards: 3 and 2": results_of(PAIRS, (2, 3)),
    "the number of images of all shards: 6 and 7": results_of(PAIRS[:6], (2, 2)),
    "the names of these images": {**SECOND, "shard": {**SECOND["shard"], "names": "1f"}},
    "model or settings that labels are made with": {
        **SECOND, "shard": {**SECOND["shard"], "predictor": "b2"},
    },
}  # fmt: skip


@pytest.mark.parametrize("difference", OTHERS)
def test_shards_of_other_evaluations_are_refused(difference):
    with pytest.raises(DataError) as refused:
        merge_metrics([FIRST, OTHERS[difference]], ["a.json", "b.json"])
    assert str(refused.value).startswith(f"b.json and a.json differ in {difference}")
    assert str(refused.value).endswith("Give the shards of one evaluation.")
