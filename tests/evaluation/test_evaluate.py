import dataclasses
import errno
import json
import threading

import numpy as np
import pytest

import deeplab_tf
from deeplab_tf.data.synthetic import SyntheticSplit
from deeplab_tf.evaluation.evaluate import evaluate, format_table, one_line
from deeplab_tf.evaluation.merged_metrics import merge_metrics
from deeplab_tf.evaluation.metrics import without_counts
from tests.evaluation.reordered import reordered
from tests.evaluation.small_crf import CRF
from tests.models.narrow import uncertain_model

pytestmark = pytest.mark.usefixtures("shallow_vgg")


@pytest.fixture(scope="module")
def split():
    return SyntheticSplit("val", examples=6)


@pytest.fixture(scope="module")
def model(split):
    image = split.load(0)["image"].numpy()
    return uncertain_model(image[None], num_classes=None, dataset=split.spec)


@pytest.fixture(scope="module")
def with_crf(model):
    return deeplab_tf.Predictor(model, crf=CRF)


def literal_metrics(split, predictions):
    """Pixel lists in place of a matrix."""
    labels = np.concatenate([split.load(i)["label"].numpy().ravel() for i in range(len(split))])
    predictions = np.concatenate([p.ravel() for p in predictions])
    labels, predictions = labels[labels != 255], predictions[labels != 255]
    ious = {}
    for class_id, name in enumerate(split.spec.class_names):
        union = np.sum((labels == class_id) | (predictions == class_id))
        both = np.sum((labels == class_id) & (predictions == class_id))
        ious[name] = both / union if union else None
    known = [iou for iou in ious.values() if iou is not None]
    return {
        "miou": np.mean(known),
        "pixel_accuracy": np.mean(labels == predictions),
        "per_class_iou": ious,
    }


@pytest.mark.slow
def test_metrics_equal_a_literal_reading_before_and_after_the_crf(split, with_crf):
    results = evaluate(with_crf, split)
    pairs = [with_crf.predict_stages(split.load(i)["image"].numpy()) for i in range(len(split))]
    for found, predictions in zip((results, results["crf"]), zip(*pairs, strict=True), strict=True):
        expected = literal_metrics(split, predictions)
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


@pytest.mark.slow
def test_merged_shards_equal_the_whole_split(split, with_crf):
    measures = {"limit": 5, "trimap": "void", "boundary": True, "absent": "zero"}
    whole = evaluate(with_crf, split, **measures)
    parts = [evaluate(with_crf, split, shard=(number, 2), **measures) for number in (1, 2)]
    assert [part["images"] for part in parts] == [3, 2]
    merged = merge_metrics(parts)
    assert merged.pop("seconds") == pytest.approx(sum(part["seconds"] for part in parts))
    del whole["seconds"]
    assert merged == whole


@pytest.mark.parametrize(("number", "of"), [(1, 4), (2, 4), (4, 4)])
def test_a_shard_has_every_nth_image(split, model, number, of):
    seen = []
    results = evaluate(
        deeplab_tf.Predictor(model), split, shard=(number, of), callbacks=[seen.append]
    )
    assert [image.name for image in seen] == split.names[number - 1 :: of]
    assert results["images"] == len(seen)
    assert (results["shard"]["number"], results["shard"]["images"]) == (number, 6)


def test_a_shard_that_cannot_be_is_refused_before_any_work(split, model):
    for shard, message in (((7, 6), "number from 1"), ((1, 7), "at most 6")):
        with pytest.raises(ValueError, match=message):
            evaluate(deeplab_tf.Predictor(model), split, shard=shard)


def test_the_table_has_no_counts(split, model):
    results = evaluate(deeplab_tf.Predictor(model), split, limit=2, boundary=True, trimap="void")
    table = format_table(results)
    assert table == format_table(without_counts(results))
    assert "confusion" not in table and "boundary_pixels" not in table


@pytest.mark.slow
@pytest.mark.parametrize("stages", [1, 2])
def test_callbacks_get_every_image_in_order(split, model, with_crf, stages):
    seen, threads = [], set()
    predictor = with_crf if stages == 2 else deeplab_tf.Predictor(model)
    evaluate(
        predictor, split, callbacks=[seen.append, lambda _: threads.add(threading.get_ident())]
    )
    assert [image.name for image in seen] == split.names
    for i, image in enumerate(seen):
        example = split.load(i)
        np.testing.assert_array_equal(image.image, example["image"])
        np.testing.assert_array_equal(image.label, example["label"])
        assert image.label.dtype == np.uint8
        predictions = predictor.predict_stages(image.image)
        assert len(image.predictions) == len(predictions) == stages
        np.testing.assert_array_equal(image.predictions, predictions)
    assert len(threads) == 1 and threading.get_ident() not in threads


class WatchedPredictor(deeplab_tf.Predictor):
    """Calls back with the number of the image that it is about to label."""

    def __init__(self, model, before_image):
        super().__init__(model)
        self._numbers, self._before_image = iter(range(100)), before_image

    def predict_stages(self, image):
        self._before_image(next(self._numbers))
        return super().predict_stages(image)


def test_labelling_goes_on_while_a_callback_works(split, model):
    third, waited = threading.Event(), []
    predictor = WatchedPredictor(model, lambda number: number == 2 and third.set())
    evaluate(predictor, split, limit=3, callbacks=[lambda _: waited.append(third.wait(60))])
    assert waited == [True] * 3


def test_what_was_labelled_before_an_error_still_arrives(split, model):
    def fail_at_fourth(number):
        if number == 3:
            raise MemoryError("too large")

    seen = []
    with pytest.raises(MemoryError, match="too large"):
        evaluate(WatchedPredictor(model, fail_at_fourth), split, callbacks=[seen.append])
    assert [image.name for image in seen] == split.names[:3]


@pytest.mark.parametrize("number", [1, -1])
def test_an_error_of_a_callback_names_the_image(split, model, number):
    """Also one of the last image, after which nothing else would raise it."""
    seen = []

    def callback(image):
        seen.append(image.name)
        if image.name == split.names[number]:
            raise OSError("disk is full")

    with pytest.raises(ValueError, match=f"^{split.names[number]}: disk is full$"):
        evaluate(deeplab_tf.Predictor(model), split, callbacks=[callback])
    assert seen[:2] == split.names[:2]


def test_a_file_that_a_callback_cannot_write_is_named(split, model):
    def callback(image):
        raise OSError(errno.ENOSPC, "cannot be written: no space left on device", "out/a.png")

    with pytest.raises(OSError, match="cannot be written") as error:
        evaluate(deeplab_tf.Predictor(model), split, limit=1, callbacks=[callback])
    assert error.value.filename == "out/a.png"


@pytest.mark.slow
def test_measures_before_and_after_the_crf(split, with_crf):
    results = evaluate(
        with_crf, split, limit=2, trimap="void", boundary=True, absent="exclude_unlabelled"
    )
    for stage in (results, results["crf"]):
        assert stage["trimap"]["from"] == "void" and len(stage["trimap"]["miou"]) == 40
        assert 0 < stage["boundary_iou"] < 1 and stage["absent"] == "exclude_unlabelled"
    json.dumps(results, allow_nan=False)
    table = format_table(results)
    for text in (
        "mean accuracy", "frequency-weighted IoU", "boundary IoU", "mIoU within 1 px of void",
        "pixel accuracy within 40 px of void", "'exclude_unlabelled'", "pixel accuracy",
        "before CRF", "after CRF", *split.spec.class_names,
    ):  # fmt: skip
        assert text in table
    assert "after CRF" in one_line(results)
    accuracy = 100 * results["crf"]["trimap"]["pixel_accuracy"][19]
    line = next(x for x in table.splitlines() if x.startswith("pixel accuracy within 20 px"))
    assert line.split()[-1] == f"{accuracy:.2f}"


def test_another_number_of_classes_is_refused(split):
    other = deeplab_tf.DeepLab(num_classes=3, width=0.05)
    with pytest.raises(ValueError, match=r"3 classes apart.*'synthetic' has 5"):
        evaluate(deeplab_tf.Predictor(other), split)


@pytest.mark.slow
def test_majority_baseline_of_the_images_that_were_evaluated(split, model):
    results = evaluate(deeplab_tf.Predictor(model), split, limit=3)
    seen = SyntheticSplit("val", examples=6)
    labels = [seen.load(i)["label"].numpy() for i in (0, 2, 4)]
    mious = []
    for class_id in range(split.spec.num_classes):
        matrix = deeplab_tf.evaluation.ConfusionMatrix(split.spec.num_classes)
        for label in labels:
            matrix.update(label, np.full(label.shape, class_id))
        mious.append(matrix.mean_iou())
    best = int(np.argmax(mious))
    assert results["best_constant"] == {
        "class": split.spec.class_names[best],
        "miou": pytest.approx(mious[best]),
    }
    line = f"majority-class baseline ({split.spec.class_names[best]}): {100 * mious[best]:.2f} mIoU"
    assert line in one_line(results) and line in format_table(results)


def test_broken_logits_name_the_image(split):
    broken = deeplab_tf.DeepLab(dataset=split.spec, width=0.05)
    broken.variables_by_name()["fc8/bias"].assign([np.nan] * 5)
    with pytest.raises(FloatingPointError, match=r"val_0000: logits .* are not finite"):
        evaluate(deeplab_tf.Predictor(broken), split)


# === Classes in another order ===


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
def test_classes_are_matched_by_name(split, model):
    order, matrix = [3, 0, 4, 1, 2], np.random.default_rng(0).uniform(0.5, 2, (5, 5))
    results, predictions = [], []
    for network, compatibility in (
        (model, matrix),
        (reordered(model, order), matrix[np.ix_(order, order)]),
    ):
        seen = []
        predictor = deeplab_tf.Predictor(
            network, crf={**CRF, "compatibility": compatibility.tolist()}
        )
        results.append(evaluate(predictor, split, 2, callbacks=[seen.append], boundary=True))
        predictions.append(seen)
    del results[0]["seconds"], results[1]["seconds"]
    assert results[1] == results[0] and results[0]["crf"] != results[0]
    for first, second in zip(*predictions, strict=True):
        np.testing.assert_array_equal(second.predictions, first.predictions)
    assert len({label for image in predictions[0] for label in image.predictions[0].flat}) > 1


def test_other_classes_are_refused_by_name(split, model):
    names = (*split.spec.class_names[:4], "something else")
    other = deeplab_tf.DeepLab(
        dataset=dataclasses.replace(split.spec, class_names=names), width=0.05
    )
    with pytest.raises(ValueError, match=r"model only: something else; .*set only: speckled cross"):
        evaluate(deeplab_tf.Predictor(other), split)


# === Names of version 0.1 ===


def test_old_names_warn_and_work(split, model):
    seen = []
    with pytest.warns(DeprecationWarning, match=r"evaluate\(listeners=\) is called"):
        evaluate(deeplab_tf.Predictor(model), split, limit=1, listeners=[seen.append])
    with pytest.warns(DeprecationWarning, match=r"answers is called EvaluatedImage\.predictions"):
        assert seen[0].answers is seen[0].predictions
