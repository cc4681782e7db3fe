import dataclasses
import json

import numpy as np
import pytest

import deeplab_tf
from deeplab_tf.cli import progress_bar
from deeplab_tf.crf import CrfParameters
from deeplab_tf.data.synthetic import SyntheticSplit
from deeplab_tf.evaluation.evaluate import evaluate
from deeplab_tf.tuning.cached_logits import CachedLogits
from deeplab_tf.tuning.run import choose_images, compare, tune
from tests.evaluation.reordered import reordered
from tests.models.narrow import uncertain_model

pytestmark = pytest.mark.usefixtures("shallow_vgg")

# Candidates always run in the graph; what they are compared with, as the parameters say.
START = CrfParameters(
    iterations=2, bilateral_sigma_xy=10.0, implementation="pydensecrf", spatial_kernel="lattice"
)


@pytest.fixture(scope="module")
def split():
    return SyntheticSplit("val", examples=6)


@pytest.fixture(scope="module")
def model(split):
    image = split.load(0)["image"].numpy()
    return uncertain_model(image[None], num_classes=None, dataset=split.spec)


def test_what_is_held_out_is_not_tuned_on(split):
    train = SyntheticSplit("train", examples=5)
    assert choose_images(split, 3, split) == ([0, 2, 4], [1, 3, 5])
    assert choose_images(split, 2, split) == ([0, 3], [1, 4])
    assert choose_images(split, 2, split, held_out=4) == ([0, 3], [1, 2, 4, 5])
    assert choose_images(split, 5, split, held_out=4) == ([0, 3], [1, 2, 4, 5])
    assert choose_images(split, 6, split) == ([0, 1, 2, 3, 4, 5], [])
    assert choose_images(split, 6, train, held_out=2) == ([0, 1, 2, 3, 4, 5], [0, 2])
    train.names[1] = split.names[3]
    assert choose_images(split, 6, train) == ([0, 1, 2, 3, 4, 5], [0, 2, 3, 4])
    with pytest.raises(ValueError, match=r"'val' has 6 images; to hold out 6 leaves none"):
        choose_images(split, 3, split, held_out=6)


@pytest.mark.slow
def test_metrics_are_those_of_evaluate(split, model, tmp_path):
    kept = CachedLogits(model, split, range(6), tmp_path, progress_bar, workers=2)
    found = compare(kept, {"without": None, "with": START}, progress_bar, workers=2)
    wanted = evaluate(deeplab_tf.Predictor(model, crf=START.to_dict()), split, boundary=True)
    for name, metrics in {"without": wanted, "with": wanted["crf"]}.items():
        for key in ("miou", "pixel_accuracy", "boundary_iou"):
            assert found[name][key] == pytest.approx(metrics[key], abs=1e-3)
    assert found["with"]["pixel_accuracy"] != found["without"]["pixel_accuracy"]


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
def test_parameters_and_report_are_written(split, model, tmp_path):
    folder = tmp_path / "logits"
    parts = [CachedLogits(model, split, p, folder, progress_bar) for p in ([0, 2], [1])]
    file = tmp_path / "crf.json"
    report = tune(file, *parts, START, tmp_path / "work", progress_bar, 2, grid="v1", budget=3)
    assert json.loads((tmp_path / "crf.report.json").read_text()) == report
    tuned = CrfParameters.load(file)
    assert tuned.to_dict() == report["parameters"]["tuned"]
    assert report["parameters"]["default"] == START.to_dict()
    best = max(report["candidates"], key=lambda candidate: candidate["miou"])
    assert len(report["candidates"]) == 3
    for name, value in tuned.to_dict().items():
        assert value == best.get(name, START.to_dict()[name])
    assert report["images"] == {"tuning": ["val", 2], "held_out": ["val", 1]}
    for variants in report["metrics"].values():
        assert list(variants) == ["without CRF", "default", "tuned"]
    fast = report["candidates"][0]["miou"]
    assert report["metrics"]["tuning"]["default"]["miou"] == pytest.approx(fast, abs=1e-3)


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
def test_classes_in_another_order_are_matched_by_name(split, model, tmp_path):
    order, matrix = [3, 0, 4, 1, 2], np.random.default_rng(0).uniform(0.5, 2, (5, 5))
    reports = []
    for network, compatibility in (
        (model, matrix),
        (reordered(model, order), matrix[np.ix_(order, order)]),
    ):
        folder = tmp_path / str(len(reports))
        start = dataclasses.replace(START, compatibility=compatibility.tolist())
        kept = CachedLogits(network, split, [0, 2], folder, progress_bar)
        none = CachedLogits(network, split, [], folder, progress_bar)
        report = tune(folder / "crf.json", kept, none, start, folder, progress_bar, 2, budget=2)
        reports.append(report)
    assert reports[1]["candidates"] == reports[0]["candidates"]
    for name, metrics in reports[0]["metrics"]["tuning"].items():
        found = reports[1]["metrics"]["tuning"][name]
        assert found["miou"] == pytest.approx(metrics["miou"])
        assert found["per_class_iou"] == metrics["per_class_iou"]
