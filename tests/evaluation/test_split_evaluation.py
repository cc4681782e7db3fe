import json

import numpy as np
import pytest

from deeplab_tf.data.synthetic import SyntheticSplit
from deeplab_tf.evaluation import Predictor, evaluate
from deeplab_tf.evaluation.metrics import without_counts
from deeplab_tf.evaluation.split_evaluation import SplitEvaluation
from tests.models.narrow import narrow_model

SPLIT = SyntheticSplit("val", 5)


@pytest.fixture(scope="module")
def model():
    return narrow_model(width=0.05, num_classes=None, dataset=SPLIT.spec)


def without_seconds(results):
    return {key: value for key, value in results.items() if key != "seconds"}


@pytest.mark.parametrize("shares", [1, 2, 3])
def test_shares_of_all_workers_give_the_results_of_one(model, shares):
    lines = []
    evaluations = [
        SplitEvaluation(SPLIT, "val", limit=4, panels=0, log=lines.append) for _ in range(shares)
    ]
    shards = [(k + 1, shares) for k in range(shares)] if shares > 1 else [None]
    parts = [e.part(model, shard) for e, shard in zip(evaluations, shards, strict=True)]
    found = evaluations[0].whole([json.loads(json.dumps(part)) for part in parts])
    wanted = without_counts(evaluate(Predictor(model), SPLIT, limit=4))
    assert without_seconds(found) == {"split": "val", **without_seconds(wanted)}
    (line,) = lines
    assert line.startswith("mIoU ") and "(4 images, " in line


def test_no_limit_is_all_images_and_panels_are_pngs(model):
    evaluation = SplitEvaluation(SPLIT, "val", limit=0, panels=2, log=lambda line: None)
    for _ in range(2):
        part = evaluation.part(model)
        assert part["parts"][0]["images"] == 5
        panels = [value for value in part.values() if isinstance(value, bytes)]
        assert len(panels) == 2 and all(png[:4] == b"\x89PNG" for png in panels)


def test_the_predictor_is_that_of_the_network(model):
    evaluation = SplitEvaluation(SPLIT, "val", limit=1, panels=0)
    other = narrow_model(width=0.05, num_classes=None, dataset=SPLIT.spec)
    for variable in other.variables_by_name().values():
        variable.assign(np.zeros(variable.shape))
    first, second, again = (
        evaluation.part(each)["parts"][0]["confusion_matrix"] for each in (model, other, other)
    )
    assert first != second == again
