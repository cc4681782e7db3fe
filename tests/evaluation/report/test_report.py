"""What a report collects and writes, and what it was run with."""

import base64
import configparser
import fnmatch
import gc
import hashlib
import importlib.resources
import importlib.util
import io
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import deeplab_tf
from deeplab_tf.data.own_files import REPORT, check_outputs, png_mark
from deeplab_tf.data.spec import DataError
from deeplab_tf.evaluation.metrics import without_counts
from deeplab_tf.evaluation.report import Report, describe_run
from tests.evaluation.report.pages import make_images, make_results, make_split, text, write
from tests.imports import ROOT

IMAGES = make_images(23)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="module")
def page(folder):
    return write(folder, IMAGES)[0]


def pixel_accuracy(image):
    counted = image.label != 255
    return np.mean(image.predictions[-1][counted] == image.label[counted])


def inlined(node):
    data = base64.b64decode(node.get("src").split(",")[1])
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def test_best_and_worst_images_are_the_right_ones(page):
    ascending = sorted(IMAGES, key=pixel_accuracy)
    headings = list(page.iter("h4"))
    names = [image.name for image in (*ascending[:-6:-1], *ascending[:5])]
    assert [heading.text.strip() for heading in headings] == names
    assert [text(node) for node in page.iter("h3")] == ["Best", "Worst"]
    assert f"→ {100 * pixel_accuracy(ascending[-1]):.2f} %" in text(headings[0])


def test_counts_of_the_results_are_not_shown(tmp_path):
    images, report = make_images(3), Report(make_split())
    for image in images:
        report(image)
    results = make_results(make_split().spec, images, boundary=True)
    pages = [
        report.write(counted, {"model": "x"}, tmp_path).read_text()
        for counted in (results, without_counts(results))
    ]
    assert results != without_counts(results) and pages[0] == pages[1]


def test_few_images_are_shown_once_and_old_ones_removed(tmp_path):
    write(tmp_path, IMAGES)
    page, _ = write(tmp_path, IMAGES[:3])
    assert sorted(h.text.strip() for h in page.iter("h4")) == [i.name for i in IMAGES[:3]]
    pngs = {"report-best-1.png", "report-best-2.png", "report-worst-1.png"}
    assert {path.name for path in tmp_path.glob("*.png")} == pngs


def test_memory_is_that_of_the_images_shown(monkeypatch):
    alive = weakref.WeakSet()

    class Drawn:
        def __init__(self, *_):
            alive.add(self)

    monkeypatch.setattr("deeplab_tf.evaluation.report.page.draw_images", Drawn)
    report = Report(make_split(), examples=3)
    for image in IMAGES:
        report(image)
    gc.collect()
    assert len(alive) == 6


def test_images_are_inlined_with_their_pixels(page):
    best, images = max(IMAGES, key=pixel_accuracy), [*page.iter("img")]
    assert len(images) == 10 * 5
    captions = ["image", "label", "before CRF", "after CRF", "errors"]
    assert [i.get("alt") for i in images[:5]] == [f"{c} of {best.name}" for c in captions]
    colors = np.array([*make_split().spec.palette, *[(224, 224, 192)] * 252])
    for image, ids in zip(images[1:4], (best.label, *best.predictions), strict=True):
        np.testing.assert_array_equal(inlined(image), colors[ids])
    assert np.abs(inlined(images[0]).astype(int) - best.image).mean() < 5  # compressed


def test_rows_are_png_files_too(folder, page):
    names = {f"report-{which}-{place}.png" for which in ("best", "worst") for place in range(1, 6)}
    assert {path.name for path in folder.iterdir()} == {*names, "report.html"}
    strip = np.asarray(Image.open(folder / "report-best-1.png"))
    assert strip.shape == (12, 5 * 17 + 4 * 6, 3)
    np.testing.assert_array_equal(strip[:, -17:], inlined([*page.iter("img")][4]))


def test_files_of_earlier_versions_are_replaced(tmp_path):
    report = Report(make_split())
    head = '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
    old_page = f'{head}<meta name="generator" content="{REPORT}">'  # what 0.1 wrote
    (tmp_path / "report.html").write_text(old_page)
    Image.new("RGB", (3, 3)).save(tmp_path / "report-best-1.png", pnginfo=png_mark(REPORT))
    check_outputs(report.owners(tmp_path))
    (tmp_path / "report.html").write_text(head)
    with pytest.raises(ValueError, match=r"report\.html is there"):
        check_outputs(report.owners(tmp_path))


def test_a_split_without_labels_is_refused():
    with pytest.raises(DataError, match="no labels"):
        Report(make_split(labelled=False))


def test_a_missing_package_names_the_extra(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n: None if n == "jinja2" else find(n))
    with pytest.raises(ImportError, match=r"jinja2\. .*pip install 'deeplab_tf\[report\]'"):
        Report(make_split())


def test_the_templates_are_in_the_package():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    pattern = setup["options.package_data"]["deeplab_tf.evaluation.report"]
    files = importlib.resources.files("deeplab_tf.evaluation.report") / "templates"
    names = {f"templates/{file.name}" for file in files.iterdir()}
    assert names == {"templates/report.html", "templates/style.css"}
    assert all(fnmatch.fnmatch(name, pattern) for name in names)


def test_a_run_is_described_by_what_it_was_made_with(tmp_path):
    file = tmp_path / "model.keras"
    file.write_bytes(b"a model")
    spec = make_split().spec
    model = deeplab_tf.DeepLab(dataset=spec, width=0.05, output_stride=16)
    predictor = deeplab_tf.Predictor(model, crf={"iterations": 3})
    command = ["tools/evaluate.py", "--model=with space"]
    settings = describe_run(command, file, predictor, spec, "folder")
    assert settings["command line"] == "tools/evaluate.py '--model=with space'"
    assert settings["model"] == str(file)
    assert settings["SHA-256 of the model"] == hashlib.sha256(b"a model").hexdigest()
    assert "backbone vgg16" in settings["network"] and "output stride 16" in settings["network"]
    assert "flip False" in settings["prediction"]
    assert settings["data set"] == "<i>pets</i>, 4 classes, folder"
    assert "iterations 3" in settings["CRF"]
    for name, package in {"TensorFlow": tf, "Keras": keras, "NumPy": np}.items():
        assert settings[name] == package.__version__
    without = describe_run(command, file, deeplab_tf.Predictor(model), spec, "folder")
    assert without["CRF"] == "none"
