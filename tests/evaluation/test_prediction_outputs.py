"""All formats of predictions together, from files to files."""

import json

import numpy as np
import pytest
from PIL import Image

import deeplab_tf
from deeplab_tf.data.png import read_label
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.evaluation.media import IMAGES
from deeplab_tf.evaluation.predict_files import predict_files
from deeplab_tf.evaluation.prediction_formats import (
    PREDICTION_FORMATS,
    FolderFormat,
    needed_of,
)
from deeplab_tf.evaluation.prediction_jobs import jobs_to_do, plan_jobs
from tests.evaluation.prediction_formats.test_coco_json import read_back
from tests.models.narrow import patches, uncertain_model

pytestmark = pytest.mark.usefixtures("shallow_vgg", "eager_file")
SPEC = DatasetSpec("three", ("sky", "road", "tree lamp"))
ALL = tuple(PREDICTION_FORMATS)


@pytest.fixture(scope="module")
def predictor():
    return deeplab_tf.Predictor(uncertain_model(patches(40, 61)))


@pytest.fixture
def images(tmp_path):
    (tmp_path / "in/deep").mkdir(parents=True)
    for seed, name in enumerate(("a.png", "b.png", "deep/c.png")):
        Image.fromarray(patches(40, 61 + seed)[0]).save(tmp_path / "in" / name)
    return tmp_path / "in"


def test_every_format_holds_the_same_labels(tmp_path, images, predictor):
    jobs = jobs_to_do(plan_jobs(images, tmp_path / "out", formats=ALL), ALL)
    assert predict_files(predictor, SPEC, jobs, ALL) == []
    written = {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.*")}
    endings = [".png", "_color.png", "_overlay.png", "_confidence.png", ".npz", ".json"]
    assert written == {
        "coco.json", *(stem + ending for stem in ("a", "b", "deep/c") for ending in endings)
    }  # fmt: skip
    masks, _ = read_back(tmp_path / "out/coco.json")
    assert list(masks) == ["a.png", "b.png", "deep/c.png"]
    for job in jobs:
        labels, confidence = predictor.predict_confidence(np.asarray(Image.open(job.source)))
        assert len(np.unique(labels)) > 1
        np.testing.assert_array_equal(read_label(job.target), labels)
        np.testing.assert_array_equal(masks[job.name], labels)
        np.testing.assert_array_equal(
            np.asarray(Image.open(job.file("color"))), np.array(SPEC.palette)[labels]
        )
        found = np.asarray(Image.open(job.file("confidence"))) / 255
        np.testing.assert_allclose(found, confidence, atol=0.5 / 255 + 1e-6)
        with np.load(job.file("npz")) as arrays:
            np.testing.assert_array_equal(arrays["labels"], labels)
        shapes = json.loads(job.file("labelme").read_text())["shapes"]
        assert {shape["label"] for shape in shapes} == {
            SPEC.class_names[i] for i in set(labels.flat)
        }


def test_some_classes_only(tmp_path, images, predictor):
    jobs = plan_jobs(images / "a.png", tmp_path / "out", formats=ALL)
    assert predict_files(predictor, SPEC, jobs, ALL, classes=["Road"]) == []
    (job,) = jobs
    image = np.asarray(Image.open(job.source))
    labels = predictor(image)
    others = labels != 1
    assert 0 < others.sum() < others.size
    found = read_label(job.target)
    assert (found[others] == 255).all() and (found[~others] == 1).all()
    np.testing.assert_array_equal(
        np.asarray(Image.open(job.file("overlay")))[others], image[others]
    )
    assert (np.asarray(Image.open(job.file("confidence")))[others] == 0).all()
    np.testing.assert_array_equal(read_back(tmp_path / "out/coco.json")[0]["a.png"], found)
    with np.load(job.file("npz")) as arrays:
        np.testing.assert_array_equal(arrays["labels"], found)
        assert arrays["probabilities"].shape == (*labels.shape, 3)


def test_resume_goes_on_with_what_is_missing(tmp_path, images, predictor):
    formats = ("coco", "color")
    jobs = plan_jobs(images, tmp_path / "out", formats=formats)
    predict_files(predictor, SPEC, jobs[:1], formats)
    predict_files(predictor, SPEC, jobs[1:2], ("color",))  # is in no coco.json
    left = jobs_to_do(jobs, formats, resume=True)
    assert left == jobs[1:]
    assert predict_files(predictor, SPEC, left, formats, resume=True) == []
    assert set(read_back(tmp_path / "out/coco.json")[0]) == {job.name for job in jobs}
    assert jobs_to_do(jobs, formats, resume=True) == []
    assert jobs_to_do(jobs, formats) == jobs
    assert jobs_to_do(jobs, (*formats, "npz"), resume=True) == jobs


@pytest.mark.parametrize("name", ALL)
def test_files_of_others_stay(tmp_path, images, name):
    jobs = plan_jobs(images, tmp_path / "out", formats=ALL)
    file = jobs[0].file(name)
    file.parent.mkdir(parents=True)
    file.write_text('{"images": []}')
    with pytest.raises(ValueError, match=rf"{file.name} is there and this program did not write"):
        jobs_to_do(jobs, ALL)
    assert jobs_to_do(jobs, ALL, overwrite=True) == jobs
    assert jobs_to_do(jobs, [other for other in ALL if other != name]) == jobs


def test_an_interrupted_run_keeps_its_file_of_all_images(tmp_path, images, predictor):
    def stop_after_two(items):
        for _, item in zip(range(2), items, strict=False):
            yield item
        raise KeyboardInterrupt

    jobs = plan_jobs(images, tmp_path / "out", formats=["coco"])
    with pytest.raises(KeyboardInterrupt):
        predict_files(predictor, SPEC, jobs, ["coco"], stop_after_two)
    left = jobs_to_do(jobs, ["coco"], resume=True)
    assert len(left) < 3
    predict_files(predictor, SPEC, left, ["coco"], resume=True)
    assert set(read_back(tmp_path / "out/coco.json")[0]) == {job.name for job in jobs}


def test_a_broken_image_is_in_no_file(tmp_path, images, predictor):
    (images / "b.png").write_bytes(b"no image")
    jobs = plan_jobs(images, tmp_path / "out", formats=ALL)
    (problem,) = predict_files(predictor, SPEC, jobs, ALL)
    assert problem.startswith(f"{images}/b.png: no image of")
    assert set(read_back(tmp_path / "out/coco.json")[0]) == {"a.png", "deep/c.png"}
    assert not list((tmp_path / "out").glob("b*"))


def test_a_file_of_all_images_that_cannot_be_written(tmp_path, images, predictor):
    (tmp_path / "out/coco.json").mkdir(parents=True)
    jobs = plan_jobs(images, tmp_path / "out", formats=["png", "coco"])
    (problem,) = predict_files(predictor, SPEC, jobs, ["png", "coco"])
    assert problem.startswith(f"{tmp_path}/out/coco.json: cannot be written: ")
    assert all(job.target.exists() for job in jobs)


def test_two_that_would_write_the_same_file_are_refused(tmp_path, images):
    Image.new("RGB", (3, 3)).save(images / "a_color.png")
    assert len(plan_jobs(images, tmp_path / "out")) == 4
    with pytest.raises(ValueError, match=r"would both write .*a_color\.png"):
        plan_jobs(images, tmp_path / "out", formats=["color"])
    Image.new("RGB", (3, 3)).save(images / "coco.png")
    assert len(plan_jobs(images, tmp_path / "out", formats=["coco"])) == 5
    with pytest.raises(ValueError, match=r"would both write .*coco\.json"):
        plan_jobs(images, tmp_path / "out", formats=["coco", "labelme"])


def test_names_of_formats():
    assert IMAGES.choose() == ("png",) and IMAGES.choose(overlay=True) == ("png", "overlay")
    assert IMAGES.choose(["coco", "png", "coco"], overlay=True) == ("coco", "png", "overlay")
    assert needed_of(["png", "coco"]) == "labels"
    assert needed_of(["npz", "confidence"]) == "probabilities"
    for wrong in ([], [""], ["png", "jpg"]):
        with pytest.raises(ValueError, match="--format of images takes some of png, color"):
            IMAGES.choose(wrong)


@pytest.mark.parametrize("name", ["coco", "labelme"])
def test_a_missing_package_names_its_extra(name, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ImportError, match=rf"--format={name} needs .*deeplab_tf\[annotations\]"):
        IMAGES.choose(["png", name])


def test_rows_are_described():
    for name, row in PREDICTION_FORMATS.items():
        assert row.output.startswith("STEM") != isinstance(row, FolderFormat), name
