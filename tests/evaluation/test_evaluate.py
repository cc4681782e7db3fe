import json

import numpy as np
import pytest

import deeplab_tf
from deeplab_tf.data.synthetic import SyntheticSplit
from deeplab_tf.evaluation.evaluate import evaluate, format_table, one_line

CRF = {"iterations": 2, "bilateral_sigma_xy": 10.0}


@pytest.fixture(scope="module")
def split():
    return SyntheticSplit("val", examples=6)


@pytest.fixture(scope="module")
def model(split):
    return deeplab_tf.DeepLab(dataset=split.spec, width=0.05)


def literal_scores(split, predictions):
    """Pixel lists in place of a matrix."""
    labels = np.concatenate([split.load(i)["label"].numpy().ravel() for i in range(len(split))])
    answers = np.concatenate([p.ravel() for p in predictions])
    labels, answers = labels[labels != 255], answers[labels != 255]
    ious = {}
    for class_id, name in enumerate(split.spec.class_names):
        union = np.sum((labels == class_id) | (answers == class_id))
        both = np.sum((labels == class_id) & (answers == class_id))
        ious[name] = both / union if union else None
    known = [iou for iou in ious.values() if iou is not None]
    return {
        "miou": np.mean(known),
        "pixel_accuracy": np.mean(labels == answers),
        "per_class_iou": ious,
    }


def test_scores_equal_a_literal_reading_before_and_after(split, model):
    predictor = deeplab_tf.Predictor(model, crf=CRF)
    results = evaluate(predictor, split)
    pairs = [predictor.before_and_after(split.load(i)["image"].numpy()) for i in range(len(split))]
    for found, answers in zip((results, results["crf"]), zip(*pairs, strict=True), strict=True):
        expected = literal_scores(split, answers)
        assert found["miou"] == pytest.approx(expected["miou"])
        assert found["pixel_accuracy"] == pytest.approx(expected["pixel_accuracy"])
        assert found["per_class_iou"] == pytest.approx(expected["per_class_iou"])
    assert results["images"] == 6
    json.dumps(results, allow_nan=False)


def test_limit_is_spread_over_the_split(split, model):
    seen = []
    evaluate(
        deeplab_tf.Predictor(model), split, limit=3,
        progress=lambda items: (seen.append(e["name"].numpy().decode()) or e for e in items),
    )  # fmt: skip
    assert seen == [split.names[0], split.names[2], split.names[4]]


def test_another_number_of_classes_is_refused(split):
    other = deeplab_tf.DeepLab(num_classes=3, width=0.05)
    with pytest.raises(ValueError, match=r"3 classes apart.*'synthetic' has 5"):
        evaluate(deeplab_tf.Predictor(other), split)


def test_tables_show_every_class(split, model):
    results = evaluate(deeplab_tf.Predictor(model, crf=CRF), split, limit=1)
    table = format_table(results)
    for name in (*split.spec.class_names, "mIoU", "pixel accuracy", "before CRF", "after CRF"):
        assert name in table
    assert "after CRF" in one_line(results)


def test_best_constant_answer_to_the_pictures_that_were_scored(split, model):
    results = evaluate(deeplab_tf.Predictor(model), split, limit=3)
    seen = SyntheticSplit("val", examples=6)
    labels = [seen.load(i)["label"].numpy() for i in (0, 2, 4)]
    scores = []
    for class_id in range(split.spec.num_classes):
        matrix = deeplab_tf.evaluation.ConfusionMatrix(split.spec.num_classes)
        for label in labels:
            matrix.update(label, np.full(label.shape, class_id))
        scores.append(matrix.mean_iou())
    best = int(np.argmax(scores))
    assert results["best_constant"] == {
        "class": split.spec.class_names[best],
        "miou": pytest.approx(scores[best]),
    }
    line = f"best constant answer ({split.spec.class_names[best]}): {100 * scores[best]:.2f} mIoU"
    assert line in one_line(results) and line in format_table(results)
